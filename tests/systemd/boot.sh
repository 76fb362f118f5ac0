#!/bin/sh
# Becomes a machine of its own, with systemd as process 1: boot.sh WORK LOWER[:LOWER…]
# Started in fresh namespaces (mount, uts, ipc, net, pid, cgroup). The folders LOWER are laid over each other and
# stay as they are; what is written goes to memory. WORK is any empty folder.
set -eu
work=$1 lower=$2
mount -t tmpfs -o mode=0755,size=2g tmpfs "$work"
mkdir "$work/upper" "$work/overlay" "$work/root"
mount -t overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/overlay" overlay "$work/root"
cd "$work/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup 2>/dev/null || true  # where the kernel has no folder for it
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
for node in null zero full random urandom tty; do
    : > "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
: > dev/console
mount -t tmpfs -o mode=0755,size=512m tmpfs srv
hostname storysync-test
ip link set lo up
mkdir .outside
pivot_root . .outside
cd /
umount -l .outside
mount --make-rshared /  # as a manager of containers does; credentials reach a service by that
exec env -i container=storysync-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=console --show-status=yes
