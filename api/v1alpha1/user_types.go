package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// User is a name with which clients connect to a Broker, and its credentials.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=mqu,categories=mqtt
// +kubebuilder:printcolumn:name="Broker",type=string,JSONPath=`.spec.brokerRef.name`
// +kubebuilder:printcolumn:name="Username",type=string,JSONPath=`.status.username`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secretName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="a User's name has at most 63 characters, so that a label can hold it"
type User struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec UserSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Progressing", message: "Waiting for the operator", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status UserStatus `json:"status,omitempty"`
}

// BrokerRef names a Broker.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="brokerRef cannot be changed: delete the object and make it anew"
type BrokerRef struct {
	// Name of the Broker.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name"`
	// Namespace of the Broker, which must allow this object's namespace. Default: this object's own.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// UserSpec is who may connect, and how they prove it.
type UserSpec struct {
	// BrokerRef is the Broker that the user connects to. Immutable.
	BrokerRef BrokerRef `json:"brokerRef"`
	// Username is the MQTT user name. Default: the object's name. No ':', no control characters, and no
	// '#' at its beginning.
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[^:\x00-\x1f\x7f]*$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('#')",message="a user name cannot begin with '#', which begins a comment in a password file"
	// +optional
	Username string `json:"username,omitempty"`
	// Authentication is how the user proves who they are. Default: a generated password.
	// +kubebuilder:default={}
	// +optional
	Authentication UserAuthentication `json:"authentication,omitempty"`
	// Groups are names that ACLs may give rights to.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +listType=set
	// +optional
	Groups []string `json:"groups,omitempty"`
	// Limits are the user's own, in place of those of the Broker's spec.limits. Unset: the Broker's; 0: no bound.
	// +optional
	Limits *config.UserLimits `json:"limits,omitempty"`
	// SecretTemplate adds labels and annotations to the connection Secret, for those who copy, mount or prune Secrets by them.
	// Default: only the operator's own.
	// +optional
	SecretTemplate *SecretTemplate `json:"secretTemplate,omitempty"`
	// Suspended keeps the user out, and ends its connections, without deleting anything.
	// +optional
	Suspended bool `json:"suspended,omitempty"`
}

// SecretTemplate is what a connection Secret has beside what the operator puts there.
type SecretTemplate struct {
	// Labels are added to the Secret; those that the operator sets itself win.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('mqtt.dunlin.dev/'))",message="labels that begin with mqtt.dunlin.dev/ are the operator's"
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are added to the Secret.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('mqtt.dunlin.dev/'))",message="annotations that begin with mqtt.dunlin.dev/ are the operator's"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// UserAuthentication is how a user proves who they are.
//
// +kubebuilder:validation:XValidation:rule="!has(self.password) || !has(self.password.disabled) || !self.password.disabled || has(self.clientCertificate)",message="password.disabled needs clientCertificate: there would be no way in"
type UserAuthentication struct {
	// Password is the user's password.
	// +kubebuilder:default={}
	// +optional
	Password PasswordSource `json:"password,omitempty"`
	// ClientCertificate has the Broker's own CA issue a client certificate with the user name in it, into
	// tls.crt and tls.key of the connection Secret. The Broker must ask for certificates
	// (spec.tls.clientAuth) and have no spec.tls.clientCASecretName. It is revoked when the User goes, is
	// suspended or renamed, and when this is unset. Default: none.
	// +optional
	ClientCertificate *UserCertificate `json:"clientCertificate,omitempty"`
}

// UserCertificate shapes a user's client certificate.
//
// +kubebuilder:validation:XValidation:rule="!has(self.renewBeforeSeconds) || self.renewBeforeSeconds * 2 <= self.durationSeconds",message="renewBeforeSeconds is at most half of durationSeconds"
type UserCertificate struct {
	// DurationSeconds is how long a certificate is valid. Default: 90 days.
	// +kubebuilder:default=7776000
	// +kubebuilder:validation:Minimum=3600
	// +kubebuilder:validation:Maximum=315360000
	// +optional
	DurationSeconds int64 `json:"durationSeconds,omitempty"`
	// RenewBeforeSeconds is how long before its end a certificate is replaced. The one of before stays
	// good until its own end. Default: a third of durationSeconds.
	// +kubebuilder:validation:Minimum=60
	// +optional
	RenewBeforeSeconds int64 `json:"renewBeforeSeconds,omitempty"`
}

// PasswordSource is where a password comes from: one of its fields, or none for a generated one.
// +kubebuilder:validation:XValidation:rule="[has(self.generate), has(self.secretRef), has(self.passwordHash), has(self.disabled) && self.disabled].filter(x, x).size() <= 1",message="set at most one of generate, secretRef, passwordHash and disabled"
// +kubebuilder:validation:XValidation:rule="!has(self.gracePeriodSeconds) || !has(self.generate) || !has(self.generate.rotateEverySeconds) || self.gracePeriodSeconds < self.generate.rotateEverySeconds",message="gracePeriodSeconds must be less than generate.rotateEverySeconds"
// +kubebuilder:validation:XValidation:rule="!has(self.scram) || !has(self.passwordHash)",message="scram needs the password itself: a passwordHash can be a line of SCRAM keys (kubectl mqtt passwd --format SCRAM-SHA-256)"
type PasswordSource struct {
	// Generate makes a random password and keeps it in the User's connection Secret.
	// +optional
	Generate *GeneratePassword `json:"generate,omitempty"`
	// SecretRef takes the password from a Secret of your own in the User's namespace.
	// +optional
	SecretRef *SecretKeyRef `json:"secretRef,omitempty"`
	// PasswordHash is what mosquitto_passwd prints after the user name and the colon
	// ($7$..., $6$... or $argon2id$...), or what kubectl mqtt passwd --format SCRAM-SHA-256 does.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	PasswordHash string `json:"passwordHash,omitempty"`
	// Scram are the mechanisms of MQTT 5's enhanced authentication that the user may prove the password
	// by, beside sending it.
	// +kubebuilder:validation:MaxItems=2
	// +listType=set
	// +optional
	Scram []config.EnhancedMethod `json:"scram,omitempty"`
	// GracePeriodSeconds is how long, after a change of the password, the one of before works too, however
	// the change came about. Default: it ends with the change, and so do connections that were made with it.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	// +optional
	GracePeriodSeconds int64 `json:"gracePeriodSeconds,omitempty"`
	// Disabled says that there is no password: the client certificate is the only way in.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
}

// GeneratePassword shapes a generated password.
type GeneratePassword struct {
	// Length in characters, each of 62 letters and digits.
	// +kubebuilder:default=32
	// +kubebuilder:validation:Minimum=16
	// +kubebuilder:validation:Maximum=128
	// +optional
	Length int32 `json:"length,omitempty"`
	// RotateEverySeconds is how often a new password is generated. Default: only when the annotation
	// mqtt.dunlin.dev/rotate-password gets a new value, or the connection Secret loses its password.
	// +kubebuilder:validation:Minimum=300
	// +optional
	RotateEverySeconds int64 `json:"rotateEverySeconds,omitempty"`
}

// SecretKeyRef names a key of a Secret.
type SecretKeyRef struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Key within the Secret.
	// +kubebuilder:default=password
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Key string `json:"key,omitempty"`
}

// UserStatus is what the operator last saw.
type UserStatus struct {
	// ObservedGeneration is the generation of the spec that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Ready, Applied; CertificateReady if there is to be a client certificate; Reconciling,
	// Stalled and PasswordChanging only while they are true. Ready=True means that every serving pod has
	// loaded the user.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Username is the MQTT user name in use.
	// +optional
	Username string `json:"username,omitempty"`
	// SecretName is the connection Secret (username, password where it is known, host, port, uri,
	// ca.crt, and tls.crt and tls.key with a client certificate).
	// +optional
	SecretName string `json:"secretName,omitempty"`
	// CertificateNotAfter is when the client certificate expires, and CertificateRenewal when it is replaced.
	// +optional
	CertificateNotAfter *metav1.Time `json:"certificateNotAfter,omitempty"`
	// +optional
	CertificateRenewal *metav1.Time `json:"certificateRenewal,omitempty"`
	// NextRotation is when the password is generated anew.
	// +optional
	NextRotation *metav1.Time `json:"nextRotation,omitempty"`
	// PreviousPasswordUntil is until when the password of before works too.
	// +optional
	PreviousPasswordUntil *metav1.Time `json:"previousPasswordUntil,omitempty"`
	// AppliedDigest identifies the credentials, groups, limits and selectors by labels that every serving pod has loaded.
	// +optional
	AppliedDigest string `json:"appliedDigest,omitempty"`
}

// UserList is a list of Users.
//
// +kubebuilder:object:root=true
type UserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []User `json:"items"`
}
