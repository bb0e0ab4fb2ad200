# shellcheck shell=bash
# The daemons' configuration files. Sourced by up, after cluster.sh; each
# function prints one file.

containerd_config() {
  cat <<TOML
version = 3
root = "$RUN/containerd/root"
state = "$RUN/containerd/state"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
  address = "$SOCKET"

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "localhost/pause:1"

[plugins.'io.containerd.cri.v1.runtime']
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true     # root may lack CAP_SYS_RESOURCE
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      runtime_path = "$BUILT/node/containerd-shim-runc-v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = "$BUILT/node/runc"
        Root = "$RUN/runc"
        SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["$BUILT/node/cni"]
    conf_dir = "$CONFIG/cni"
TOML
}

cni_config() {
  cat <<JSON
{ "cniVersion": "1.0.0", "name": "dunlin", "plugins": [
  { "type": "bridge", "bridge": "$POD_LINK", "isDefaultGateway": true, "hairpinMode": true,
    "ipMasq": true, "ipMasqBackend": "nftables",
    "ipam": { "type": "host-local", "dataDir": "$RUN/cni-addresses", "ranges": [[{ "subnet": "$POD_CIDR" }]] } },
  { "type": "portmap", "backend": "nftables", "capabilities": { "portMappings": true } } ] }
JSON
}

kubelet_config() {
  cat <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix://$SOCKET
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$PKI/ca.crt"}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-serving.crt
tlsPrivateKeyFile: $PKI/kubelet-serving.key
clusterDNS: ["$SERVICE_DNS"]
clusterDomain: cluster.local
resolvConf: $CONFIG/resolv.conf
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
maxOpenFiles: $(ulimit -Hn)
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "100Mi", nodefs.available: "1%", nodefs.inodesFree: "1%", imagefs.available: "1%"}
volumePluginDir: $RUN/volumeplugins
podLogsDir: $RUN/podlogs
syncFrequency: 5s
YAML
}

proxy_config() {
  cat <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: "$RUN/proxy.kubeconfig"}
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE
nodePortAddresses: ["$NODE_IP/32"]
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s} # leave the host's
YAML
}
