# SPDX-License-Identifier: BSD-2-Clause
# A script of ours, not of any shell's own tests: what a shell does with processes, descriptors, files and signals, and busybox's applets beside.
check() {
    if [ "$2" != "$3" ]; then
        echo "FAILED: $1: '$2', not '$3'"
        exit 1
    fi
}

cd /tmp && mkdir shell-check && cd shell-check || exit 1

# words
check arithmetic "$((7 * 6 - 1))" 41
set -- a 'b c' d
check arguments "$#:$2" "3:b c"
path=/usr/lib/libc.a
check prefix "${path##*/}:${path%/*}:${unset-none}" "libc.a:/usr/lib:none"
f() { local x=1; echo "$1-$x"; return 5; }
check function "$(f y)" y-1
f z > /dev/null
check return $? 5

# processes
check substitution "$(echo a; echo b)" "a
b"
check pipe "$(printf '3\n1\n2\n' | sort | tr '\n' ' ')" "1 2 3 "
(exit 7)
check subshell $? 7
sh -c 'exit 9'
check exec $? 9
sh -c 'kill -TERM $$'
check signalled $? 143
/bin/no-such-program 2> /dev/null
check missing $? 127
sleep 0 & child=$!
wait $child
check background $? 0
(: > ready; exec /bin/sleep 60) & child=$!
until [ -e ready ]; do sleep 0; done
rm ready
kill $child
wait $child 2> /dev/null
check killed $? 143
x=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do x=$((x + $(echo $i))); done
check forks $x 210
check script "$(printf '#!/bin/sh\necho "$1 script"\n' > s; chmod +x s; ./s my)" "my script"

# signals
trap 'caught=yes' USR1
kill -USR1 $$
check trap "$caught" yes
check 'trap at exit' "$(trap 'echo bye' EXIT; exit 0)" bye

# descriptors and files
echo one > a; echo two >> a
check redirection "$(cat a | wc -l | tr -d ' ')" 2
check 'here document' "$(cat << END
x $((1 + 1))
END
)" "x 2"
exec 5> b; echo five >&5; exec 5>&-
check descriptor "$(cat b)" five
check errors "$(ls nothing 2>&1 > /dev/null | grep -c nothing)" 1
check pattern "$(echo *)" "a b s"
[ -x s ] && [ ! -x a ] && [ -d . ] && [ -s a ]
check test $? 0
while read -r line; do last=$line; done < a
check read "$last" two

# applets
cp a c && mv c d && ln -s d e
check files "$(cat e; readlink e)" "one
two
d"
check find "$(find . -type f | sort | tr '\n' ' ')" "./a ./b ./d ./s "
check sed "$(sed -n 's/^t\(w\)o$/\1/p' a)" w
check awk "$(awk '{ n += length($1) } END { print n }' a)" 6
check sum "$(printf abc | sha256sum | cut -c1-16)" ba7816bf8f01cfea
check dd "$(dd if=/dev/zero bs=1000 count=3 2> /dev/null | wc -c | tr -d ' ')" 3000
check head "$(seq 1 100000 | head -n 1)" 1
check xargs "$(seq 1 500 | xargs echo | wc -w | tr -d ' ')" 500
tar cf t.tar a b d && mkdir u && tar xf t.tar -C u
check tar "$(cmp a u/a && echo same)" same
gzip -c a | gunzip > g && cmp g a
check gzip $? 0
check hexdump "$(printf A | xxd -p)" 41
check env "$(A=b env | grep -c '^A=b$')" 1

cd / && rm -r /tmp/shell-check
check gone "$(ls -d /tmp/shell-check 2> /dev/null)" ""
echo "shell: all checks passed"
