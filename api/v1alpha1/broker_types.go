package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Broker is an MQTT broker: its listeners, certificates, storage and limits.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:shortName=mqb,categories=mqtt
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Replicas",type=integer,JSONPath=`.status.readyReplicas`
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.status.listeners[0].address`
// +kubebuilder:printcolumn:name="Cert expires",type=date,JSONPath=`.status.certificateNotAfter`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40",message="a Broker's name has at most 40 characters, so that its children's names fit"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="a Broker's name begins with a letter and has no dots, because its Services are named after it"
// +kubebuilder:validation:XValidation:rule="quantity(string(self.spec.persistence.size)).compareTo(quantity(string(oldSelf.spec.persistence.size))) >= 0 || has(self.status) && has(self.status.volumeSize) && quantity(string(self.spec.persistence.size)).compareTo(quantity(string(self.status.volumeSize))) >= 0",message="spec.persistence.size cannot shrink below the size of the volume",fieldPath=".spec.persistence.size"
type Broker struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	// +kubebuilder:default={}
	Spec BrokerSpec `json:"spec,omitempty"`
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Progressing", message: "Waiting for the operator", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status BrokerStatus `json:"status,omitempty"`
}

// BrokerSpec is what a broker should be. `spec: {}` is a broker with TLS on 8883, its own CA, no
// anonymous access, default deny, and 1 GiB of storage.
//
// +kubebuilder:validation:XValidation:rule="!has(self.listeners) || self.listeners.all(l, self.listeners.exists_one(m, m.port == l.port))",message="two listeners have the same port"
// +kubebuilder:validation:XValidation:rule="!has(self.authentication) || !has(self.authentication.clientCertificate) || has(self.tls) && has(self.tls.clientAuth) && self.tls.clientAuth != 'None' && has(self.listeners) && self.listeners.exists(l, l.protocol in ['MQTTS', 'WSS'])",message="authentication.clientCertificate needs tls.clientAuth Request or Require, and a listener with protocol MQTTS or WSS"
// +kubebuilder:validation:XValidation:rule="!has(self.listeners) || self.listeners.all(l, !(l.port in [8080, 8081]))",message="ports 8080 and 8081 are the broker's own (health and admin)"
// +kubebuilder:validation:XValidation:rule="!has(self.listeners) || has(self.tls) && has(self.tls.clientAuth) && self.tls.clientAuth != 'None' || self.listeners.all(l, !has(l.tls) || !has(l.tls.clientAuth) || l.tls.clientAuth == 'None')",message="a listener's tls.clientAuth Request or Require needs spec.tls.clientAuth, which is that of the others"
// +kubebuilder:validation:XValidation:rule="!has(self.listeners) || !has(self.tls) || !has(self.tls.clientAuth) || self.tls.clientAuth == 'None' || self.listeners.exists(l, l.protocol in ['MQTTS', 'WSS'] && !(has(l.tls) && has(l.tls.clientAuth) && l.tls.clientAuth == 'None'))",message="tls.clientAuth needs a listener that asks: one with protocol MQTTS or WSS whose own tls.clientAuth is not None"
// +kubebuilder:validation:XValidation:rule="!has(self.listeners) || !has(self.service) || !has(self.service.enabled) || self.service.enabled || self.listeners.all(l, !has(l.route) || has(l.service))",message="a listener's route needs a Service to lead to: its own, or spec.service"
type BrokerSpec struct {
	// Replicas is the number of broker pods. A change is live. Clustering has not landed yet, so it is 0 (stopped) or 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:XValidation:rule="self <= 1",message="replicas above 1 need clustering, which this version does not have: use 1, or 0 to stop the broker"
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// Image is the broker's image. A change restarts the pod. Default: the one of the operator's own release.
	// +optional
	Image string `json:"image,omitempty"`
	// ImagePullPolicy is when the kubelet pulls the image. A change restarts the pod. Default: the kubelet's.
	// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
	// +optional
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`
	// Listeners are where clients connect. A change restarts the pod, but for maxConnections and service, which are
	// live. Default: one MQTTS listener named mqtts on port 8883.
	// +kubebuilder:default={{name: "mqtts", protocol: "MQTTS", port: 8883}}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Listeners []ListenerSpec `json:"listeners,omitempty"`
	// TLS is the server certificate. Certificates, CAs and revocation lists are loaded live; a change of
	// minVersion, clientAuth or a Secret's name of the clients' CAs or lists restarts the pod. Default: issued by a CA of the Broker's own.
	// +kubebuilder:default={}
	// +optional
	TLS BrokerTLS `json:"tls,omitempty"`
	// Authentication says who may connect. A change is live, and ends the connections of those who may not any more.
	// +optional
	Authentication config.Authentication `json:"authentication,omitempty"`
	// Authorization says what happens where no ACL decides, and whether what is denied is prevented. A change is live.
	// +kubebuilder:default={}
	// +optional
	Authorization config.Authorization `json:"authorization,omitempty"`
	// MQTT bounds what the protocol may ask of the broker. A change restarts the pod.
	// +kubebuilder:default={}
	// +optional
	MQTT config.MQTT `json:"mqtt,omitempty"`
	// Limits bounds connections and traffic. A change is live: who is connected stays.
	// +optional
	Limits config.Limits `json:"limits,omitempty"`
	// Admin lets users call the admin API by name and password, beside the tokens in the Secret NAME-admin. Default: none
	// may. A change restarts the pod.
	// +optional
	Admin config.AdminUsers `json:"admin,omitempty"`
	// Log configures the broker's log. A change of level is live, one of format restarts the pod.
	// +kubebuilder:default={}
	// +optional
	Log config.Log `json:"log,omitempty"`
	// Drain is how clients are sent away when a pod stops. A change is live; one of timeoutSeconds restarts the pod
	// all the same, because Kubernetes has to wait for as long.
	// +kubebuilder:default={}
	// +optional
	Drain config.Drain `json:"drain,omitempty,omitzero"`
	// Audit has the broker write, to standard output, who connected, who was refused and why, and what
	// was denied. A change restarts the pod.
	// +kubebuilder:default={}
	// +optional
	Audit config.AuditSettings `json:"audit,omitempty"`
	// Tracing has the broker tell an OpenTelemetry collector of the messages that their publishers trace. A change restarts
	// the pod.
	// +kubebuilder:default={}
	// +optional
	Tracing Tracing `json:"tracing,omitempty"`
	// Persistence is the volume for sessions and retained messages, and how sure what is on it is. A
	// change of sync restarts the pod; with sync Memory the volume is claimed all the same and keeps
	// what it has, for the day that sync is changed back.
	// +kubebuilder:default={}
	// +optional
	Persistence Persistence `json:"persistence,omitempty"`
	// Service is how clients in and outside the cluster reach the listeners. A change is live.
	// +kubebuilder:default={}
	// +optional
	Service ServiceSpec `json:"service,omitempty"`
	// NetworkPolicy says who may reach the pods over the network. A change is live. Default: whoever the network lets.
	// +optional
	NetworkPolicy NetworkPolicySpec `json:"networkPolicy,omitzero"`
	// PodTemplate adds to the broker pods.
	// +optional
	PodTemplate PodTemplate `json:"podTemplate,omitempty"`
	// Monitoring has a Prometheus operator scrape the pods. It restarts nothing.
	// +optional
	Monitoring Monitoring `json:"monitoring,omitempty"`
	// AllowedNamespaces selects, by labels, the namespaces whose Users and ACLs may name this
	// Broker. A change is live. Default: only its own; `{}` selects all.
	// +optional
	AllowedNamespaces *metav1.LabelSelector `json:"allowedNamespaces,omitempty"`
}

// VolumePolicy is what becomes of volumes.
// +kubebuilder:validation:Enum=Retain;Delete
type VolumePolicy string

// The volume policies.
const (
	VolumeRetain VolumePolicy = "Retain"
	VolumeDelete VolumePolicy = "Delete"
)

// Persistence is the broker's volume, and how sure what is on it is.
//
// +kubebuilder:validation:XValidation:rule="has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",message="storageClassName cannot be changed after creation"
// +kubebuilder:validation:XValidation:rule="!has(self.size) || quantity(string(self.size)).isGreaterThan(quantity('0'))",message="size must be above 0"
type Persistence struct {
	// Size is the requested size of each pod's volume. It can grow, if the volume's class allows that: the
	// volumes grow in place, with no restart where the storage driver can do that. It cannot shrink below
	// what a volume has been given. The broker stores nine tenths of it at most. A change is live.
	// +kubebuilder:default="1Gi"
	// +optional
	Size resource.Quantity `json:"size,omitzero"`
	// StorageClassName is the class of the volume. It cannot be changed. Default: the cluster's default class.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	StorageClassName *string `json:"storageClassName,omitempty"`
	// WhenDeleted is what becomes of the volumes when the Broker is deleted. Retain: they stay, and a Broker of
	// the same name and namespace that is made later takes them over with all that they hold, whatever its size
	// and class. Delete: they go with the Broker. A change is live.
	// +kubebuilder:default=Retain
	// +optional
	WhenDeleted VolumePolicy `json:"whenDeleted,omitempty"`

	config.Durability `json:",inline"`
}

// NetworkPolicySpec says who may reach the pods over the network.
type NetworkPolicySpec struct {
	// Enabled says whether there is a NetworkPolicy. With one, the pods take connections on their listeners from
	// clients, on the admin port from the operator, on the health port from monitoring, and open none themselves.
	// It works only in clusters whose network enforces policies.
	// +optional
	Enabled bool `json:"enabled,omitempty"`
	// Clients are who may connect to the listeners. Default: everybody.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Clients []networkingv1.NetworkPolicyPeer `json:"clients,omitempty"`
	// Monitoring is who may read metrics and health, beside the kubelet. Default: everybody.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Monitoring []networkingv1.NetworkPolicyPeer `json:"monitoring,omitempty"`
}

// PodTemplate adds to the broker pods. A change restarts the pod.
type PodTemplate struct {
	// Labels are added to the pods; the operator's own labels win.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are added to the pods.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// Resources of the broker container. Default: requests of 100m CPU and 128Mi, a limit of 512Mi.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// NodeSelector picks the nodes by label.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Tolerations let the pods onto tainted nodes.
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// Affinity of the pods.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// TerminationGracePeriodSeconds is how long a pod that is told to stop may take before it is killed.
	// Default: drain.timeoutSeconds and 20 more, in which connections end and the store is closed; less
	// than that cuts the drain short, and loses nothing that was acknowledged.
	// +kubebuilder:validation:Minimum=1
	// +optional
	TerminationGracePeriodSeconds *int64 `json:"terminationGracePeriodSeconds,omitempty"`
	// PriorityClassName of the pods.
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`
	// ImagePullSecrets of the pods.
	// +listType=map
	// +listMapKey=name
	// +optional
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
}

// Monitoring is a PodMonitor of the Broker's, where the cluster has that kind (monitoring.coreos.com/v1). Where it has not,
// the condition Monitored says so, and the PodMonitor follows within minutes of the kind's installation.
type Monitoring struct {
	// Enabled makes the PodMonitor. Default: there is none.
	// +optional
	Enabled bool `json:"enabled,omitempty"`
	// IntervalSeconds is how often Prometheus scrapes. 0: as often as it does others.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	// +optional
	IntervalSeconds int32 `json:"intervalSeconds,omitempty"`
	// Labels are put on the PodMonitor, for a Prometheus that selects by them.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// BrokerStatus is what the operator last saw.
type BrokerStatus struct {
	// ObservedGeneration is the generation of the spec that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Ready, CertificatesReady; Restarted if the annotation restartedAt is set; Monitored where
	// monitoring is enabled; Routed where listeners have a route; ServiceAccountsReady where tokens are taken; Reconciling, Stalled, Paused, CARotating, CertificateExpiring and
	// NotEnforced only while they are true.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Replicas is the number of pods that exist.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// ReadyReplicas is the number of pods that serve.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas,omitempty"`
	// Selector selects the pods, for the scale subresource.
	// +optional
	Selector string `json:"selector,omitempty"`
	// Image is the image that the pods should run.
	// +optional
	Image string `json:"image,omitempty"`
	// Listeners are the addresses within the cluster.
	// +listType=map
	// +listMapKey=name
	// +optional
	Listeners []ListenerStatus `json:"listeners,omitempty"`
	// CASecretName is the Secret whose ca.crt clients must trust. Empty: the system's CAs.
	// +optional
	CASecretName string `json:"caSecretName,omitempty"`
	// CertificateName is the Certificate of cert-manager's that the server certificate is asked for with. Empty: none.
	// +optional
	CertificateName string `json:"certificateName,omitempty"`
	// CertificateNotAfter is when the server certificate expires.
	// +optional
	CertificateNotAfter *metav1.Time `json:"certificateNotAfter,omitempty"`
	// VolumeSize is the size that has been requested of the largest volume, and granted or not refused.
	// +optional
	VolumeSize *resource.Quantity `json:"volumeSize,omitempty"`
	// CANotAfter is when the Broker's own CA expires.
	// +optional
	CANotAfter *metav1.Time `json:"caNotAfter,omitempty"`
	// AuthRevision identifies the users and ACLs that every serving pod has loaded.
	// +optional
	AuthRevision string `json:"authRevision,omitempty"`
}

// BrokerList is a list of Brokers.
//
// +kubebuilder:object:root=true
type BrokerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Broker `json:"items"`
}
