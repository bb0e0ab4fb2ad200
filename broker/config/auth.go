package config

import "encoding/json"

// Authentication says who may connect.
type Authentication struct {
	// AllowAnonymous lets clients in that give no user name.
	// +optional
	AllowAnonymous bool `json:"allowAnonymous,omitempty"`
	// EnhancedMethods are the authentication methods of MQTT 5 that are offered, where there are users:
	// SCRAM-SHA-256 and SCRAM-SHA-512. Default: both; an empty list: none.
	// +kubebuilder:validation:MaxItems=2
	// +listType=set
	// +optional
	EnhancedMethods []EnhancedMethod `json:"enhancedMethods,omitzero"`
	// ScramFromPasswordHashes lets users who have a $7$ password hash and no SCRAM keys authenticate by
	// SCRAM-SHA-512. Who can read such a hash can log in with it then, without knowing the password.
	// +optional
	ScramFromPasswordHashes bool `json:"scramFromPasswordHashes,omitempty"`
	// ClientCertificate has client certificates name users, who then need no password. Default: a
	// certificate is asked for where a listener says so, and names nobody.
	// +optional
	ClientCertificate *ClientCertificate `json:"clientCertificate,omitempty"`
	// ServiceAccounts lets in who has a token of a Kubernetes ServiceAccount, of this Broker's namespace or one that
	// allowedNamespaces selects: as the password, with no user name or its own (system:serviceaccount:NAMESPACE:NAME), or by the
	// authentication method K8S-SAT of MQTT 5, which can renew it. What it may do is for ACLs to say. A connection ends when its token does. Default: tokens are not taken.
	// +optional
	ServiceAccounts *ServiceAccounts `json:"serviceAccounts,omitempty"`
}

// ServiceAccounts says which tokens of ServiceAccounts are taken.
type ServiceAccounts struct {
	// Audiences are of whom one must be among those that the token was made for. Default: dunlin.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +listType=set
	// +optional
	Audiences []string `json:"audiences,omitempty"`
}

// DefaultAudience is whom a token must be for where nothing else is said.
const DefaultAudience = "dunlin"

// EnhancedMethod is an authentication method of MQTT 5.
// +kubebuilder:validation:Enum=SCRAM-SHA-256;SCRAM-SHA-512
type EnhancedMethod string

// The methods.
const (
	ScramSHA256 EnhancedMethod = "SCRAM-SHA-256"
	ScramSHA512 EnhancedMethod = "SCRAM-SHA-512"
)

// CertificateField is a part of a client certificate.
// +kubebuilder:validation:Enum=CommonName;DNSName;URI
type CertificateField string

// The fields that can name a user.
const (
	CommonName CertificateField = "CommonName" // of the subject
	DNSName    CertificateField = "DNSName"    // the first Subject Alternative Name of that type
	URI        CertificateField = "URI"        // the first Subject Alternative Name of that type
)

// ClientCertificate says how client certificates name users.
type ClientCertificate struct {
	// UsernameFrom is what in the certificate is the user name: CommonName, DNSName or URI. A
	// certificate without it is refused.
	UsernameFrom CertificateField `json:"usernameFrom"`
	// AnyUser lets in names that are no user's: every certificate of the CA is good. Default: the user
	// must exist, where there are users at all.
	// +optional
	AnyUser bool `json:"anyUser,omitempty"`
}

// Policy is what happens when no rule decides.
// +kubebuilder:validation:Enum=Deny;Allow
type Policy string

// The policies.
const (
	PolicyDeny  Policy = "Deny"
	PolicyAllow Policy = "Allow"
)

// Enforcement is what becomes of what is denied.
// +kubebuilder:validation:Enum=Enforce;Audit
type Enforcement string

// The enforcements.
const (
	EnforcementEnforce Enforcement = "Enforce"
	EnforcementAudit   Enforcement = "Audit"
)

// Authorization says what happens where no ACL decides, and whether what is denied is prevented.
type Authorization struct {
	// DefaultPolicy is the answer when no ACL rule matches.
	// +kubebuilder:default=Deny
	// +optional
	DefaultPolicy Policy `json:"defaultPolicy,omitempty"`
	// Enforcement is Enforce, or Audit: then what the rules and the default policy deny is logged, counted
	// (dunlin_audited_denials_total) and listed with the denials, and happens all the same, so that new rules can be tried on
	// clients that live. Who may connect, limits, and that topics below $SYS are the broker's own hold as ever.
	// +kubebuilder:default=Enforce
	// +optional
	Enforcement Enforcement `json:"enforcement,omitempty"`
}

// AuthFiles are where users and access rules are read from: a bundle folder, or single files.
type AuthFiles struct {
	// BundleDir is a folder with manifest.json and the files that it names with their SHA-256;
	// it is loaded as a whole or not at all. Exclusive with PasswordFile and ACLFile.
	BundleDir string `json:"bundleDir,omitempty"`
	// PasswordFile is a Mosquitto password file.
	PasswordFile string `json:"passwordFile,omitempty"`
	// ACLFile is a YAML or JSON file of an ACLSet.
	ACLFile string `json:"aclFile,omitempty"`
	// TokenIssuerFile is a JSON file of a TokenIssuer, for authentication.serviceAccounts. Without it no token is good.
	// Exclusive with BundleDir.
	TokenIssuerFile string `json:"tokenIssuerFile,omitempty"`
}

// Names of the files in an auth bundle. Shards are numbered from 00.
const (
	BundleManifest     = "manifest.json"
	BundlePasswordsFmt = "passwd-%02d"     // Mosquitto password file
	BundleUsersFmt     = "users-%02d.json" // UserSet
	BundleACLsFmt      = "acls-%02d.json"  // ACLSet
	BundleIssuer       = "issuer.json"     // TokenIssuer
)

// TokenIssuer is who makes the tokens of ServiceAccounts, and whose are taken.
//
// +kubebuilder:object:generate=false
type TokenIssuer struct {
	// Issuer is what the tokens say of who has made them: a URL, which nobody asks.
	Issuer string `json:"issuer"`
	// Keys are its public keys, a JSON Web Key Set.
	Keys json.RawMessage `json:"keys"`
	// Namespaces are those whose ServiceAccounts are let in, and AnyNamespace lets in those of all.
	Namespaces   []string `json:"namespaces,omitempty"`
	AnyNamespace bool     `json:"anyNamespace,omitempty"`
}

// Manifest names the files of one revision of an auth bundle. A bundle whose files do not all
// have these sums is in the middle of being replaced and is not loaded.
type Manifest struct {
	// Revision identifies this state of users and ACLs: hex SHA-256 over Files.
	Revision string `json:"revision"`
	// Files is file name -> hex SHA-256 of its content.
	Files map[string]string `json:"files"`
}

// UserSet is the attributes of users other than their passwords.
type UserSet struct {
	Users []UserAttributes `json:"users,omitempty"`
}

// UserAttributes is what the broker knows of one user beside the password.
type UserAttributes struct {
	// Name is the MQTT user name.
	Name string `json:"name"`
	// Groups are the groups that ACL subjects may name.
	Groups []string `json:"groups,omitempty"`
	// Selectors are the IDs of the selectors among the ACLs' subjects that the user's labels match. The broker does not
	// know the labels.
	Selectors []string `json:"selectors,omitempty"`
	// Limits are the user's own. None: the broker's.
	Limits *UserLimits `json:"limits,omitempty"`
}

// ACLSet is a list of ACLs.
type ACLSet struct {
	ACLs []ACL `json:"acls,omitempty"`
}

// ACL is a set of rules for a set of subjects.
type ACL struct {
	// Name says where the ACL comes from, in logs and explanations: namespace/name.
	Name     string `json:"name"`
	ACLRules `json:",inline"`
}

// ACLRules is what an ACL says; the ACL object's spec embeds it.
type ACLRules struct {
	// Subjects are whom the rules are for; one match is enough.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Subjects []Subject `json:"subjects"`
	// Rules are what the subjects may and may not do.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Rules []Rule `json:"rules"`
	// Priority orders ACLs: the highest priority with a matching rule decides, and at equal
	// priority Deny beats Allow.
	// +kubebuilder:default=0
	// +optional
	Priority int32 `json:"priority,omitempty"`
}

// SubjectKind is what a subject's name names.
// +kubebuilder:validation:Enum=User;Group;ClientID;ServiceAccount;Everyone;Anonymous
type SubjectKind string

// The subject kinds.
const (
	SubjectUser           SubjectKind = "User"           // the MQTT user name
	SubjectGroup          SubjectKind = "Group"          // a group of the user
	SubjectClientID       SubjectKind = "ClientID"       // the MQTT client identifier
	SubjectServiceAccount SubjectKind = "ServiceAccount" // the Kubernetes ServiceAccount whose token the client has shown
	SubjectEveryone       SubjectKind = "Everyone"       // every client, anonymous ones included
	SubjectAnonymous      SubjectKind = "Anonymous"      // clients without a user name
)

// Subject is one principal or set of principals.
// +kubebuilder:validation:XValidation:rule="has(self.selector) || (self.kind in ['Everyone', 'Anonymous']) != (has(self.name) && self.name != \"\")",message="name must be set for User, Group, ClientID and ServiceAccount, and left out for Everyone and Anonymous"
// +kubebuilder:validation:XValidation:rule="!has(self.selector) || self.kind == 'User' && (!has(self.name) || self.name == \"\")",message="selector is for kind User alone, and in place of name"
// +kubebuilder:validation:XValidation:rule="self.kind != 'ServiceAccount' || !has(self.name) || self.name.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')",message="name of a ServiceAccount must be NAME or NAMESPACE/NAME"
type Subject struct {
	Kind SubjectKind `json:"kind"`
	// Name is the user, group, client identifier or ServiceAccount; unset for Everyone and Anonymous. A ServiceAccount is
	// NAME, in the ACL's own namespace, or NAMESPACE/NAME.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Name string `json:"name,omitempty"`
	// Selector, in place of the name of a User, is all User objects of the Broker whose labels match, in any namespace that
	// the Broker allows; `{}` is every User object. A change of a User's labels is live, as one of its groups is.
	// +optional
	Selector *Selector `json:"selector,omitempty"`
}

// Effect is what a matching rule does.
// +kubebuilder:validation:Enum=Allow;Deny
type Effect string

// The effects.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Action is what a client does to a topic.
// +kubebuilder:validation:Enum=Publish;Subscribe
type Action string

// The actions.
const (
	ActionPublish   Action = "Publish"
	ActionSubscribe Action = "Subscribe"
)

// Rule allows or denies actions on topics.
type Rule struct {
	// Effect is Allow or Deny.
	// +kubebuilder:default=Allow
	// +optional
	Effect Effect `json:"effect,omitempty"`
	// Actions are what the rule is about.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	// +listType=set
	Actions []Action `json:"actions"`
	// Topics are topic filters; ${username} and ${clientid} (or %u and %c) stand for the client's
	// own, and ${cert.cn} for the Common Name of its certificate. A Subscribe rule allows the filters that its topics cover. Topics that start with $
	// are matched only by a filter that starts so too.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Topics []string `json:"topics"`
}
