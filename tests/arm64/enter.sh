#!/bin/sh
# enter.sh ROOT BINFMT [SOURCE TARGET]... -- COMMAND...
#
# Runs COMMAND with ROOT as its root folder, read-only, and every SOURCE mounted at ROOT/TARGET.
# To be started with unshare --mount: the mounts are gone when the last process inside ends.
# BINFMT is the entry of binfmt_misc that runs ROOT's programs; where binfmt_misc is not mounted
# yet, it goes with the mounts too.
set -e
root=$1 binfmt=$2 entries=/proc/sys/fs/binfmt_misc
shift 2

[ -e $entries/register ] || mount -t binfmt_misc binfmt_misc $entries
# Another run may have registered it in between.
[ -e "$entries/$binfmt" ] || cat "/usr/lib/binfmt.d/$binfmt.conf" >$entries/register 2>/dev/null \
    || [ -e "$entries/$binfmt" ]

mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind /proc "$root/.proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/mnt"
while [ "$1" != -- ]; do
    case $2 in mnt/*) mkdir -p "$root/$2" ;; esac
    mount --bind "$1" "$root/$2"
    shift 2
done
shift
exec chroot "$root" "$@"
