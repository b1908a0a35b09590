/**
 * What runs on the target while a key is pushed, in the words of a POSIX shell: it adds a line to the authorized_keys
 * of the login, as that user, and takes it out again. It follows no link, changes nothing but its own line, and says in
 * one line on standard error why it does not.
 */

/** What the target says once the key can be used. */
export const PUSHED = "session-manager-plugin: pushed";

/** What a line of ours ends with: when it is to go, in seconds since the epoch of the target's clock, and chance. */
export const MARK = "session-manager-plugin";

/** What is pushed. */
export interface Push {
  /** Checked: {@link isLogin}. */
  readonly user: string;
  /** Type and key. */
  readonly keyLine: string;
  /** Tells this push from others: letters and digits. */
  readonly id: string;
  readonly seconds: number;
}

/** Whether a text can be a login's name and nothing else to any shell. */
export function isLogin(user: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.@-]{0,63}$/.test(user);
}

/** The command with its words. It says {@link PUSHED}, and ends when the key is gone again. */
export function pushCommand({ user, keyLine, id, seconds }: Push): readonly string[] {
  return ["/bin/sh", "-c", joined(AS_USER), "sh", user, joined(LOGIN), keyLine, id, String(seconds)];
}

/** In a session of another user it goes on as the login; nobody is asked for a password. */
const AS_USER = `
u=$1; s=$2; shift 2;
if [ "$(id -un)" = "$u" ]; then exec /bin/sh -c "$s" sh push "$s" "$u" "$@"; fi;
command -v sudo >/dev/null 2>&1 || { echo "the session is not $u's, and there is no sudo" >&2; exit 1; };
exec sudo -n -u "$u" -- /bin/sh -c "$s" sh push "$s" "$u" "$@";
`;

/**
 * As the login. A second process, in a session of its own so that whatever ends this one does not end it, takes the
 * line out: when the time is up, and at once when this process is gone. Files are changed by a rename, under a lock that
 * other pushes respect. A server that knows expiry-time (OpenSSH 7.7) does not take the key later even if the machine
 * is switched off meanwhile; lines that were left behind go with the next push.
 */
const LOGIN = `
umask 077; PATH=$PATH:/usr/local/bin:/usr/bin:/bin; LC_ALL=C; export PATH LC_ALL;
mode=$1; s=$2; u=$3; shift 3;
die() { echo "$*" >&2; exit 1; };
h=$(getent passwd "$u" 2>/dev/null | cut -d: -f6);
[ -n "$h" ] || eval "h=~$u";
cd "$h" 2>/dev/null || die "$u has no home directory";
if [ -h .ssh ]; then die "$h/.ssh is a link"; fi;
[ -d .ssh ] || mkdir .ssh 2>/dev/null || die "$h/.ssh is no directory and cannot be made";
home=$(pwd -P);
cd .ssh 2>/dev/null && [ "$(pwd -P)" = "\${home%/}/.ssh" ] || die "$h/.ssh cannot be entered";
[ -O . ] || die "$h/.ssh belongs to another user";
f=authorized_keys;
check() {
if [ -h $f ]; then die "$h/.ssh/$f is a link"; fi;
if [ -e $f ]; then
[ -f $f ] || die "$h/.ssh/$f is no plain file";
[ -O $f ] && [ -r $f ] && [ -w $f ] || die "$h/.ssh/$f belongs to another user or cannot be written";
fi;
};
edit() {
l=.session-manager-plugin.lock; n=0;
until mkdir $l 2>/dev/null; do
n=$((n+1));
if [ $n -gt 50 ]; then rmdir $l 2>/dev/null || die "$h/.ssh/$l is in the way"; n=0; fi;
[ -w . ] || die "$h/.ssh cannot be written";
sleep 0.1 2>/dev/null || sleep 1;
done;
t=.$f.$$; o=.$f.$$.old;
rm -f $t $o;
( check;
if [ -e $f ]; then cp -p $f $o && cp -p $o $t; else : >$o && : >$t; fi || die "$h/.ssh cannot be written";
awk -v mark="$2" -v now="$(date +%s)" '{ n = split($NF, p, ":"); if (n == 3 && p[1] == "${MARK}" && ($NF == mark || p[2] + 0 < now + 0)) next; print }' $o >$t &&
{ [ -z "$1" ] || printf "%s\\n" "$1" >>$t; } || die "$h/.ssh cannot be written";
if [ -e $f ]; then cmp -s $f $o || die "$h/.ssh/$f was changed by another program just now"; fi;
if [ -s $t ] || [ $made = no ]; then mv -f $t $f || die "$h/.ssh/$f cannot be replaced"; else rm -f $f; fi;
);
r=$?;
rm -f $t $o; rmdir $l;
return $r;
};
if [ $mode = watch ]; then
e=$1; m=$2; made=$3; p=$4;
while [ "$(date +%s)" -lt "$e" ] && kill -0 "$p" 2>/dev/null; do sleep 1; done;
rm -f .$f.$p .$f.$p.old; n=0;
until edit "" "$m" 2>/dev/null || [ $n -ge 60 ]; do n=$((n+1)); sleep 1; done;
exit;
fi;
k=$1; id=$2; secs=$3;
check;
made=no; [ -e $f ] || made=yes;
e=$(($(date +%s)+secs)); m=${MARK}:$e:$id; x=;
v=$(ssh -V 2>&1); v=\${v#OpenSSH_}; v=\${v%%[!0-9.]*};
case $v in
[89].*|[1-9][0-9].*|7.[789])
d=$(date -d "@$e" +%Y%m%d%H%M%S 2>/dev/null || date -r "$e" +%Y%m%d%H%M%S 2>/dev/null);
[ -z "$d" ] || x="expiry-time=\\"$d\\" ";;
esac;
if command -v setsid >/dev/null 2>&1; then setsid /bin/sh -c "$s" sh watch "$s" "$u" $e $m $made $$ </dev/null >/dev/null 2>&1 &
else ( set -m; /bin/sh -c "$s" sh watch "$s" "$u" $e $m $made $$ </dev/null >/dev/null 2>&1 & ); fi;
edit "$x$k $m" "" || exit 1;
echo "${PUSHED}";
exec sleep "$secs";
`;

/** One line: a document's parameter is one. Each statement above ends for itself. */
function joined(script: string): string {
  return script.trim().replaceAll("\n", " ");
}
