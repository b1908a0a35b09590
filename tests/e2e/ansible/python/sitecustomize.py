"""Sends boto3's calls to AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL, as newer versions do by themselves."""

import os

import botocore.session

create_client = botocore.session.Session.create_client


def create_redirected_client(self, service_name, *args, **kwargs):
    if kwargs.get("endpoint_url") is None:
        of_service = os.environ.get("AWS_ENDPOINT_URL_" + service_name.upper())
        kwargs["endpoint_url"] = of_service or os.environ.get("AWS_ENDPOINT_URL")
    return create_client(self, service_name, *args, **kwargs)


botocore.session.Session.create_client = create_redirected_client
