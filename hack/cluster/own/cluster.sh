# shellcheck shell=bash disable=SC2034 # what is set here is used by the scripts that source it
# Names, addresses and daemons of the project's own cluster. Sourced by up, down,
# load, pki and prove; does nothing by itself.
# shellcheck source-path=SCRIPTDIR source=../settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/../settings.sh"

NODE=dunlin
NODE_IP=10.245.0.1        # on a bridge of our own: the same on every host, online or not
NODE_LINK=dunlin-node
POD_LINK=dunlin-pods
POD_CIDR=10.244.0.0/24
SERVICE_CIDR=10.96.0.0/16
SERVICE_API=10.96.0.1
SERVICE_DNS=10.96.0.10    # also in manifests/system.yaml
API=https://127.0.0.1:6443

PKI=$RUN/pki
CONFIG=$RUN/config
LOG=$RUN/log
SOCKET=$RUN/containerd/containerd.sock

# BUILT is the build that runs, which need not be the newest: up leaves a link.
BUILT=$(readlink -f "$RUN/built" || :)
[ -d "$BUILT" ] || BUILT=$OUT
export KUBECONFIG=$RUN/admin.kubeconfig
export PATH=$BUILT/node:$BUILT/envtest:$BUILT/bin:$PATH:/usr/sbin:/sbin # the shim looks runc up

# lock makes up and down wait for one another; it runs the calling script again, with the lock held.
lock() { # script argument...
  [ -n "${DUNLIN_CLUSTER_LOCKED:-}" ] || DUNLIN_CLUSTER_LOCKED=1 exec flock --close "$RUN.lock" "$@"
}

# start runs a daemon in the background and notes its process id.
start() { # name argument...
  local name=$1
  shift
  (cd / && exec setsid "$name" "$@") >"$LOG/$name.log" 2>&1 </dev/null &
  echo $! >"$RUN/pids/$name"
}

# runs says whether a daemon's process lives and still is one of our programs.
runs() { # name
  local pid
  pid=$(cat "$RUN/pids/$1" 2>/dev/null) || return 1
  [[ $(readlink "/proc/$pid/exe") == "$BUILT"/* ]]
}

# stop ends a daemon, by force after 10 s.
stop() { # name
  local pid tries
  runs "$1" || return 0
  pid=$(cat "$RUN/pids/$1")
  kill "$pid"
  for ((tries = 100; tries > 0; tries--)); do
    runs "$1" || return 0
    sleep 0.1
  done
  say "$1 did not stop, killing it"
  kill -9 "$pid"
}

STARTED=${EPOCHREALTIME//[.,]/} # microseconds

# progress prints what is done and how long after the script's start.
progress() {
  local tenths=$(((${EPOCHREALTIME//[.,]/} - STARTED) / 100000))
  printf '%4d.%d s  %s\n' $((tenths / 10)) $((tenths % 10)) "$*"
}

# dead prints the daemons that have ended by themselves.
dead() {
  local file
  for file in "$RUN"/pids/*; do
    [ -d "/proc/$(cat "$file")" ] || basename "$file"
  done
}

# await repeats a command until it succeeds. When that takes too long or any
# daemon ends, it shows the end of the log of that daemon and fails.
await() { # daemon-to-blame what seconds command...
  local daemon=$1 what=$2 tries=$(($3 * 10)) ended
  shift 3
  until "$@" >"$LOG/await.log" 2>&1; do
    sleep 0.1
    tries=$((tries - 1))
    ended=$(dead | head -1)
    if [ $tries -gt 0 ] && [ -z "$ended" ]; then continue; fi
    {
      tail -3 "$LOG/await.log"
      say "The end of $LOG/${ended:-$daemon}.log:"
      tail -20 "$LOG/${ended:-$daemon}.log"
    } >&2
    [ -z "$ended" ] || fail "$ended has ended while waiting for: $what"
    fail "timeout while waiting for: $what"
  done
  progress "$what"
}
