# SPDX-License-Identifier: BSD-2-Clause
# Each utility of a session once, with what it has to say (tests/qemu/shell.py): a line `ok NAME` or `not ok NAME: ...` a check, and one of all at the end.
bad=0
ok() { echo "ok $1"; }
no() { echo "not ok $*"; bad=$((bad + 1)); }
same() { # NAME WANTED GOT
    if [ "$2" = "$3" ]; then ok "$1"; else no "$1: '$3', not '$2'"; fi
}
says() { # NAME PATTERN COMMAND...: its output has a line of the extended pattern, and its status is 0
    name=$1 pattern=$2
    shift 2
    if "$@" > /tmp/said 2>&1; then :; else no "$name: status $?"; fi
    if grep -Eq -- "$pattern" /tmp/said; then ok "$name"; else no "$name: no '$pattern' in:"; cat /tmp/said; fi
}
until_says() { # NAME PATTERN COMMAND...: the same, when it has had its time
    name=$1 pattern=$2
    shift 2
    try=0
    while [ $((try += 1)) -le 100 ]; do
        "$@" > /tmp/said 2>&1
        if grep -Eq -- "$pattern" /tmp/said; then ok "$name"; return; fi
        sleep 0.2
    done
    no "$name: no '$pattern' in:"
    cat /tmp/said
}
mkdir /tmp/w && cd /tmp/w || no mkdir

# files
printf 'b 2\na 1\nc 10\n' > f
same cat 'b 2
a 1
c 10' "$(cat f)"
cp f g; same cp 0 "$(cmp f g; echo $?)"
mv g h; same mv 'f
h' "$(ls)"
ln f l; ln -s f s; same ln "2 f" "$(stat -c %h f) $(readlink s)"
rm l h; same rm 'f
s' "$(ls)"
mkdir -p d/e; touch d/e/t; same touch 0 "$(stat -c %s d/e/t)"
chmod 640 f; says chmod '^-rw-r----- .* f$' ls -l f
same find './d/e/t
./f' "$(find . -type f | sort)"
same find-exec 'd/e/t:' "$(find d -name t -exec printf %s: {} \;)"
rm d/e/t; rmdir d/e d; same rmdir 1 "$(ls -d d > /dev/null 2>&1; echo $?)"
says dd '^8\+0 records out' dd if=/dev/zero of=z bs=1024 count=8; same dd-made 8192 "$(stat -c %s z)"
same du 8 "$(du -k z | cut -f 1)"
says df '^ *[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+% [a-z]+ +/tmp$' df /tmp

# text
same wc '3 6 13' "$(echo $(wc < f))"
same head 'b 2' "$(head -n 1 f)"
same tail 'c 10' "$(tail -n 1 f)"
same grep '2:a 1' "$(grep -n a f)"
same sed 'b two' "$(sed -n 's/2/two/p' f)"
same sort 'c 10 b 2 a 1' "$(echo $(sort -k 2 -n -r f))"
same cmp 1 "$(printf 'b 3\n' | cmp -s - f; echo $?)"
same cmp-says '- f differ: byte 3, line 1' "$(printf 'b 3\n' | cmp - f | sed 's/char/byte/')"
same cmp-same 0 "$(cat f | cmp - f; echo $?)"
same sha256sum 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -' "$(printf abc | sha256sum)"
says hexdump '^00000000  62 20 32 0a .*\|b 2\.a 1\.c 10\.' hexdump -C f
same env 'x y' "$(env A=x sh -c 'echo $A y')"
same echo 'a  b' "$(/bin/echo 'a  b')"
same printf '007 a' "$(/usr/bin/printf '%03d %s' 7 a)"
same test 0 "$(/usr/bin/test -f f -a 3 -lt 10; echo $?)"

# time and processes; the shell's own sleep and cat are in its process
until_says date '^20[0-9][0-9]$' date +%Y
same date-of 1970-01-02 "$(date -u -d @86400 +%Y-%m-%d)"
says time '^real' /usr/bin/time sleep 0.05
says uptime ' up 0:[0-9]+:' uptime
says uname '^Wharf .* aarch64' uname -a
/bin/sleep 100 &
until_says ps "^ +$! +[0-9]+ +1 .* sleep\$" ps
says ps-clock '^ +[0-9]+ waits +[0-9]+ +[0-9:.]+ ' ps -p $!
kill $!; wait $!; same kill 143 $?
mkfifo p; /bin/cat p > /dev/null &
until_says ps-owed '^ +[0-9]+ waits +[0-9]+ +[0-9:.]+ answer +of files, thread [0-9]+' ps -p $!
kill $!; wait $! 2> /dev/null
says ps-memory '^ +- +[0-9]+ +[0-9]+ +[0-9:.]+ +[1-9][0-9]* +[1-9][0-9]* +0 files$' ps -l
says ps-init '^ +[0-9]+ waits +[0-9]+ +[0-9:.]+ answer +of process, thread [0-9]+' ps -p init
says top '^ *[0-9]+ +[0-9.]+ +[0-9]+ bootstrap$' top -b -n 1
says free '^Mem: +[0-9]+ +[0-9]+ +[0-9]+' free -m
says vmstat '^ *[0-9]+ +[0-9]+ +0 +[1-9][0-9]* +[0-9]+ +[0-9]+ +0 +0 +[0-9]+ +0 +[1-9]' vmstat
says vmstat-s '^ +[1-9][0-9]* K total memory$' vmstat -s
says swapon-s '^$' sh -c 'swapon -s; echo'
same swapoff 1 "$(swapoff vd0p3 2> /dev/null; echo $?)"
same swapoff-misuse 2 "$(swapoff 2> /dev/null; echo $?)"
says iostat '^vd0 +[1-9][0-9]* +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9]+ +0 +0 +0$' iostat
says dmesg 'boot: Wharf on ' dmesg

# mounts
touch t
says mount '^/dev/console$' mount
mount -s terminal /tmp/w/t; same mount-one 'character special file' "$(stat -c %F t)"
umount /tmp/w/t; same umount 'regular empty file' "$(stat -c %F t)"
same mount-none 1 "$(mount none0p1 /tmp/w/d0 2> /dev/null; echo $?)"
same mount-misuse 2 "$(mount -s 2> /dev/null; echo $?)"
same sync 0 "$(sync; echo $?)"
same sync-file 0 "$(sync -f t; echo $?)"

# the system
says lstask '^ +[0-9]+ +[0-9]+ +[0-9]+ .* files$' lstask
says lsport '^ *[0-9a-f]+ (send,)?receive' lsport -r files
says lsdev '^/pl031@' lsdev
says dt-ls '^/pl031@' dt ls /
says dt-explain '^driver: pl031' dt explain /pl031@9010000
says svc-list '^rtc0 +running +0 ' svc list
svc stop rtc0; until_says svc-stop '^rtc0 +stopped ' svc
svc start rtc0; until_says svc-start '^rtc0 +running ' svc
svc restart rtc0; until_says svc-restart '^rtc0 +running ' svc
svc fault rtc0; until_says svc-fault '^rtc0 +running +1 +' svc
svc upgrade rtc0 pl031; until_says svc-upgrade '^rtc0 +running ' svc
same svc-none 1 "$(svc restart nothing 2> /dev/null; echo $?)"
same misuse 2 "$(svc no-such-word 2> /dev/null; echo $?)"

# commands of C programs
posix-commands; same posix-commands 0 $?
cd /; rm -r /tmp/w /tmp/said
same tmp '' "$(ls /tmp)"
echo "utilities: $bad are wrong"
exit $bad
