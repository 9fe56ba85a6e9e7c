# What the distribution's busybox must do alike on Linux and in the guest: `sh busybox.sh`, in an empty folder.
# Everything that is printed is compared, so nothing here depends on time, process numbers or directory order.
export PATH=/bin LC_ALL=C

section() {
	echo "== $*"
}

section pipes
seq 1 2000 | grep 7 | wc -l
echo one two three | tr ' ' '\n' | sort -r | head -n 2 | tail -n 1
seq 1 100000 | head -n 1 # the writer dies of SIGPIPE
yes | head -c 100000 | md5sum
echo "${PIPE:-unset}" | { read -r word; echo "read: $word"; }

section redirection
echo first >file
echo second >>file
cat <file
cat <<END
here $((6 * 7))
END
ls absent 2>&1
{ echo out; echo error >&2; } 2>/dev/null
exec 5<file
read -r line <&5
echo "$line"
exec 5<&-

section control
for i in 1 2 3; do
	case $i in
	2) continue ;;
	*) echo "i=$i" ;;
	esac
done
fib() {
	if [ "$1" -lt 2 ]; then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi
}
fib 8
(exit 3)
echo "status $?"
false || echo "false failed"
set -- a 'b c' d
echo "$# <$2>"
sh -c 'kill -TERM $$'
echo "terminated: $?"
trap 'echo trapped' USR1
kill -USR1 $$
trap - USR1

section data
# Every byte of this file follows from a recurrence: 1 MiB with nothing random in it, 8 KiB of it made by awk.
awk 'BEGIN { x = 1; for (i = 0; i < 1024; i++) { x = (x * 1103 + 12345) % 65536; printf "%07d\n", x } }' >part
cp part data
for i in 1 2 3 4 5 6 7; do cat data data >twice && mv twice data; done
wc -c data
sha256sum data
sha1sum <data
md5sum data
sort part | uniq | wc -l
sort -n part | sha256sum
sort -r part | head -n 1
cut -c 3-5 part | sort | uniq -c | sort -k1,1nr -k2,2n | head -n 3
gzip -1 <data | gunzip | cmp - data && echo "gzip round trip"
dd if=data of=copy bs=4096 skip=16 count=8 2>/dev/null
sha256sum copy
od -A d -t x1 copy | head -n 2

section files
mkdir -p tree/a/b tree/c
for i in 1 2 3 4 5; do echo "$i" >"tree/a/$i"; done
cp data tree/c/data
ln -s ../a/1 tree/c/link
ln tree/a/2 tree/a/b/hard
chmod 640 tree/a/3
find tree | sort
find tree -type l -exec readlink {} \;
find tree -name '[2-4]' -type f | sort | xargs cat
find tree -size +100k
ls -1 tree/a
stat -c '%a %s %h %F %N' tree/a/3 tree/a/2 tree/c/link
mv tree/a/5 tree/a/five
rm -r tree/a/b
touch -d '2001-02-03 04:05:06' tree/a/1
ls tree/a tree/c
test -x tree/a/1 || echo "not executable"
du -s -b tree >/dev/null 2>&1 || du -s tree >/dev/null
echo "du $?"

section tar
tar cf tree.tar tree
tar tf tree.tar | sort
mkdir unpacked
tar xf tree.tar -C unpacked
diff -r tree unpacked/tree && echo "tar round trip"
tar czf tree.tgz tree
tar xzf tree.tgz -O tree/c/data | sha256sum
stat -c '%a %s' unpacked/tree/a/3
stat -c '%Y' unpacked/tree/a/1

section awk
awk 'BEGIN { for (i = 1; i <= 5; i++) s += i * i; printf "%d %.3f %s\n", s, s / 7, substr("portcullis", 5, 3) }'
seq 1 50 | awk '{ count[$1 % 7]++ } END { for (i = 0; i < 7; i++) print i, count[i] }'
echo "a:b:c" | awk -F: '{ print $3, $1; "echo command" | getline line; print line }'
seq 1 10 | sed -n '/3/,/6/s/$/!/p'

section jobs
(sleep 0.05; echo late >late) &
first=$!
(exit 4) &
second=$!
wait $second
echo "second: $?"
wait $first
echo "first: $? $(cat late)"
for i in 1 2 3 4; do (echo "$i" >"job$i") & done
wait
cat job1 job2 job3 job4
sleep 100 &
kill $!
wait $!
echo "killed: $?"
section end
