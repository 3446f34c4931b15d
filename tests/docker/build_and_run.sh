#!/usr/bin/env bash
# Builds the Dockerfile without a Docker engine (buildah), and tries the images as a user would.
#
# The base image that the Dockerfile names is made with debootstrap, slimmed as Debian slims its
# own, and kept as a tarball. Everything else is thrown away at the end.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: build_and_run.sh [--target runtime|export|both] [--engine litert|onnx] [--arch amd64|arm64]
                        ARTIFACT IMAGE [-- FLAG...]

Builds the target (default: runtime) and checks it; in the runtime image, and not as root,
`strop run ARTIFACT IMAGE FLAG...` and `strop doctor` must work, and `strop run ARTIFACT --selftest`
where the golden vectors lie beside the artifact. FLAGs are for an artifact that carries no contract:
`-- --mean 127.5 --std 127.5 --resize crop --activation softmax`.

--arch (default: this machine's): another one needs apt-get install qemu-user-static and its
binfmt_misc entry (update-binfmts --enable qemu-aarch64), and takes 6 minutes for the runtime, 35
for the export.

Needs root, and: apt-get install buildah debootstrap
STROP_CACHE (default: ~/.cache/strop) keeps the base image.
The build borrows this host's CA bundle, proxies, package index, and apt and pip settings.
TEXT
}

fail() {
    echo "build_and_run.sh: $*" >&2
    exit 2
}

step() { printf '\n== %s (after %d s)\n' "$*" "$SECONDS"; }

target=runtime engine=litert arch=$(dpkg --print-architecture) files=()
while [ $# -gt 0 ]; do
    case $1 in
        --target | --engine | --arch)
            [ $# -ge 2 ] || fail "$1 needs a value; see --help"
            printf -v "${1#--}" %s "$2"
            shift
            ;;
        -h | --help) usage && exit ;;
        --) shift && break ;;
        -*) fail "$1: no such option; see --help" ;;
        *) files+=("$1") ;;
    esac
    shift
done
run_flags=("$@")

case $target in runtime | export) targets=("$target") ;; both) targets=(runtime export) ;;
    *) fail "--target '$target': runtime, export or both is needed" ;; esac
case $engine in litert | onnx) ;; *) fail "--engine '$engine': litert or onnx is needed" ;; esac
case $arch in amd64 | arm64) ;; *) fail "--arch '$arch': amd64 or arm64 is needed" ;; esac
[ ${#files[@]} = 2 ] || fail "${#files[@]} files given, ARTIFACT and IMAGE are needed; see --help"
for file in "${files[@]}"; do [ -f "$file" ] || fail "$file: no such file"; done
for tool in buildah debootstrap; do
    command -v "$tool" >/dev/null || fail "$tool is not installed; run: apt-get install $tool"
done
[ "$(id -u)" = 0 ] || fail "debootstrap needs root, this is $(id -un)"

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
base_image=$(sed -n 's/^ARG BASE=//p' "$repository/Dockerfile") # .../debian:bookworm-slim
suite=${base_image##*:}
suite=${suite%-slim}
cache=${STROP_CACHE:-$HOME/.cache/strop}
base_tarball=$cache/debian-$suite-slim-$arch.tar.gz
scratch=$(mktemp -d "${TMPDIR:-/tmp}/strop-docker.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# A store of its own: the host's images are not touched, and vfs works inside containers too.
in_store() {
    TMPDIR=$scratch buildah --storage-driver vfs --root "$scratch/store" --runroot "$scratch/run" "$@"
}

make_base_tarball() {
    local root=$scratch/base folder
    debootstrap --variant=minbase --arch="$arch" "$suite" "$root" >"$scratch/debootstrap.log" 2>&1 || {
        tail -n 20 "$scratch/debootstrap.log" >&2
        fail "debootstrap could not make $suite"
    }
    # Debian's own rules for its slim images; dpkg keeps to them when more is installed.
    for folder in doc info lintian locale man; do
        echo "path-exclude /usr/share/$folder/*" >>"$root/etc/dpkg/dpkg.cfg.d/slim"
        if [ -d "$root/usr/share/$folder" ]; then
            find "$root/usr/share/$folder" -type f ! -name copyright -delete
        fi
    done
    echo 'path-include /usr/share/doc/*/copyright' >>"$root/etc/dpkg/dpkg.cfg.d/slim"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
    rm -f "$root/etc/hostname" "$root/etc/resolv.conf" # debootstrap copied this host's
    mkdir -p "$cache"
    tar --numeric-owner -C "$root" -czf "$base_tarball.part" .
    mv "$base_tarball.part" "$base_tarball"
    rm -rf "$root"
}

import_base() {
    local container
    container=$(in_store from scratch)
    in_store add -q "$container" "$base_tarball" / >/dev/null
    in_store config --arch "$arch" --cmd bash "$container"
    in_store commit -q --rm "$container" "$base_image" >/dev/null
}

# Sets loans: what this host needs to reach the network, for the time of the build. Files come as
# folders over folders that the base image has, because the mount point of a single file would
# stay in the image.
collect_loans() {
    local folder=$scratch/loans bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt} name option
    mkdir -p "$folder"/{apt,share/ca-certificates,home/.config/pip,home/.config/uv,home/.pip}
    tar -xzf "$base_tarball" -C "$folder/apt" --strip-components=4 ./etc/apt/apt.conf.d/
    if command -v apt-config >/dev/null; then
        apt-config dump | grep -E '^Acquire::(https?|Retries|Check-|ForceIP)' >"$folder/apt/90host" || true
    fi
    if [ -f "$bundle" ]; then cp "$bundle" "$folder/share/ca-certificates/host.crt"; fi
    if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$folder/home/.pip/pip.conf"; fi
    echo '[global]' >"$folder/home/.config/pip/pip.conf"
    for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST PIP_DEFAULT_TIMEOUT; do
        option=${name#PIP_} option=${option,,}
        if [ -n "${!name:-}" ]; then echo "${option//_/-} = ${!name}"; fi
    done >>"$folder/home/.config/pip/pip.conf"
    if [ -n "${UV_DEFAULT_INDEX:-}" ]; then
        echo "index-url = \"$UV_DEFAULT_INDEX\"" >"$folder/home/.config/uv/uv.toml"
    elif [ -f /etc/uv/uv.toml ]; then
        cp /etc/uv/uv.toml "$folder/home/.config/uv/uv.toml"
    fi
    loans=(
        --volume "$folder/apt:/etc/apt/apt.conf.d"
        --volume "$folder/share:/usr/local/share"
        --volume "$folder/home:/root"
    )
    for name in {http,https,no}_proxy {HTTP,HTTPS,NO}_PROXY; do
        if [ -n "${!name:-}" ]; then loans+=(--build-arg "$name=${!name}"); fi
    done
}

build() {
    in_store build --arch "$arch" --isolation chroot --network host --format docker --pull-never --quiet \
        --target "$1" --tag "strop:$1" "${loans[@]}" \
        --build-arg "ENGINE=$engine" \
        --build-arg "VERSION=$version" \
        --build-arg "REVISION=$revision" \
        --logfile "$scratch/$1.log" "$repository" || {
        tail -n 40 "$scratch/$1.log" >&2
        fail "the $1 target does not build"
    }
}

# Writes $scratch/board: what a Raspberry Pi 4 says of its processor.
describe_board() {
    local folder=$scratch/board cpu
    mkdir -p "$folder/proc"
    for cpu in 0 1; do
        mkdir -p "$folder/sys/devices/system/cpu/cpu$cpu/topology"
        echo 0 >"$folder/sys/devices/system/cpu/cpu$cpu/topology/physical_package_id"
        echo "$cpu" >"$folder/sys/devices/system/cpu/cpu$cpu/topology/core_id"
        printf '%s\n' "processor : $cpu" 'Features : fp asimd evtstrm crc32 cpuid' \
            'CPU implementer : 0x41' 'CPU architecture: 8' 'CPU variant : 0x0' \
            'CPU part : 0xd08' 'CPU revision : 3' '' >>"$folder/proc/cpuinfo"
    done
    for cpu in possible present online; do echo 0-1 >"$folder/sys/devices/system/cpu/$cpu"; done
}

# inside COMMAND...: in $container, as the image's own user, in its own folder.
inside() {
    if [ ! -d "$scratch/board" ]; then
        in_store run --isolation chroot --network host "$container" -- "$@"
        return
    fi
    # Emulated. XNNPACK and ONNX Runtime choose their kernels by /proc/cpuinfo and /sys, and crash
    # when these tell of the host's processor; buildah has no run without the host's.
    # shellcheck disable=SC2016 # the inner shells expand these
    unshare --mount sh -ec '
        root=$1 board=$2
        shift 2
        mount --bind "$board/proc" "$root/proc"
        mount --bind "$board/sys" "$root/sys"
        mount --rbind /dev "$root/dev"
        exec chroot --userspec=strop:strop "$root" /usr/bin/env -i HOME=/home/strop \
            PATH=/opt/strop/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 QEMU_CPU=cortex-a72 \
            sh -c '\''cd /data && exec "$@"'\'' sh "$@"
    ' sh "$(in_store mount "$container")" "$scratch/board" "$@"
}

wrong() {
    echo "WRONG: $*" >&2
    exit 1
}

# can_import MODULE...: in $container; prints those that Python finds.
can_import() {
    inside python -c 'import sys, importlib.util as i; print(*filter(i.find_spec, sys.argv[1:]))' "$@"
}

check_image() {
    local image=strop:$1 configuration found
    configuration=$(in_store inspect --type image --format \
        '{{.Docker.Config.User}} {{.Docker.Config.WorkingDir}} {{.Docker.Config.Entrypoint}} {{.Docker.Config.Cmd}}' "$image")
    [ "$configuration" = 'strop /data [strop] [-h]' ] || wrong "$image is set to run as: $configuration"
    [ "$(inside id -u)" != 0 ] || wrong "$image runs as root"
    inside sh -c 'touch /data/writable && rm /data/writable' || wrong "$image cannot write to /data"
    [ "$(inside strop --version)" = "strop $version" ] || wrong "$image has another version than $version"
    found=$(inside find / -xdev ! -readable -prune -o '(' -name host.crt -o -name 90host -o -name pip.conf \
        -o -name uv.toml -o -path '*/.cache/*' -o -name 'gcc*' -type f -perm -1 -o -name pip -type d ')' -print)
    [ -z "$found" ] || wrong "$image holds what it should not: $found"
}

check_runtime() {
    local found code=0 name
    found=$(can_import numpy PIL strop.runtime strop.export tensorflow keras onnx tf2onnx pip)
    # numpy is there, so the probe can find what it must not.
    [ "$found" = 'numpy PIL strop.runtime' ] || wrong "in strop:runtime Python finds: $found"
    inside strop -h
    inside strop export >"$scratch/export.txt" 2>&1 || code=$?
    [ "$code" = 2 ] || { cat "$scratch/export.txt" >&2; wrong "strop export ended with $code, not 2"; }
    cat "$scratch/export.txt"
    for name in "${files[@]}"; do
        in_store copy -q --chown strop:strop "$container" "$name" /data/ >/dev/null
    done
    inside strop run "${files[@]##*/}" "${run_flags[@]}"
    inside strop doctor
    name=${files[0]%.int8.*}.golden.npz
    if [ -f "$name" ]; then
        in_store copy -q --chown strop:strop "$container" "$name" /data/ >/dev/null
        inside strop run "${files[0]##*/}" --selftest
    fi
}

check_export() {
    local found
    found=$(can_import numpy PIL strop.runtime strop.export tensorflow keras onnx tf2onnx)
    [ "$found" = 'numpy PIL strop.runtime strop.export tensorflow keras onnx tf2onnx' ] \
        || wrong "in strop:export Python finds only: $found"
    # The model and the images that ship with strop, all the way.
    inside strop export
}

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$repository/pyproject.toml")
revision=$(git -C "$repository" describe --always --dirty --abbrev=40 2>/dev/null || echo unknown)

step "base $base_image"
[ -f "$base_tarball" ] || make_base_tarball
import_base
collect_loans
[ "$arch" = "$(dpkg --print-architecture)" ] || describe_board
for name in "${targets[@]}"; do
    step "build $name"
    build "$name"
    step "check $name"
    container=$(in_store from --pull-never --arch "$arch" "strop:$name")
    check_image "$name"
    "check_$name"
    in_store rm "$container" >/dev/null
done
step sizes
in_store images --format '{{.Name}}:{{.Tag}}  {{.Size}}' | grep -v '<none>'
