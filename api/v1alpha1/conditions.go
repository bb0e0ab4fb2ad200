package v1alpha1

// Condition types. Ready, Reconciling and Stalled follow kstatus: the last two are absent when fine.
const (
	// ConditionReady is True when the object does what its spec says, now.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the operator or the pods are on their way there.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when only a change by the user can help.
	ConditionStalled = "Stalled"
	// ConditionCertificatesReady says whether a valid server certificate is in place (Broker).
	ConditionCertificatesReady = "CertificatesReady"
	// ConditionPaused is True while the annotation paused keeps the operator from changing what runs (Broker).
	ConditionPaused = "Paused"
	// ConditionRestarted says whether the pods have been replaced since the annotation restartedAt was set (Broker).
	ConditionRestarted = "Restarted"
	// ConditionCertificateReady says whether a good client certificate is in the connection Secret (User).
	ConditionCertificateReady = "CertificateReady"
	// ConditionCARotating is True while the own CA is being replaced (Broker).
	ConditionCARotating = "CARotating"
	// ConditionCertificateExpiring is True while a certificate that should have been renewed is near its end (Broker).
	ConditionCertificateExpiring = "CertificateExpiring"
	// ConditionPasswordChanging is True while the password of before works too (User).
	ConditionPasswordChanging = "PasswordChanging"
	// ConditionRulesShadowed is True while some topic of the rules can never decide (ACL).
	ConditionRulesShadowed = "RulesShadowed"
	// ConditionMonitored says whether there is the PodMonitor that is asked for (Broker); absent where none is.
	ConditionMonitored = "Monitored"
	// ConditionRouted says whether Gateways take clients to the listeners that ask for it (Broker); absent where none does.
	ConditionRouted = "Routed"
	// ConditionServiceAccountsReady says whether the keys of ServiceAccounts' tokens are those of the cluster (Broker); absent
	// where tokens are not taken.
	ConditionServiceAccountsReady = "ServiceAccountsReady"
	// ConditionNotEnforced is True while access rules are tried and deny nothing (Broker).
	ConditionNotEnforced = "NotEnforced"
	// ConditionApplied is True when every serving pod has loaded this object (User, ACL).
	ConditionApplied = "Applied"
)

// Reasons of the conditions.
const (
	ReasonAsExpected          = "AsExpected"
	ReasonProgressing         = "Progressing"
	ReasonPodsNotReady        = "PodsNotReady"
	ReasonImageUnavailable    = "ImageUnavailable"
	ReasonBrokerFails         = "BrokerFails"
	ReasonPodRefused          = "PodRefused"
	ReasonStoreFull           = "StoreFull"
	ReasonPaused              = "Paused"
	ReasonVolumeNotExpandable = "VolumeNotExpandable"
	ReasonSecretNotFound      = "SecretNotFound"
	ReasonInvalidCertificate  = "InvalidCertificate"
	ReasonInvalidSecret       = "InvalidSecret"
	ReasonInvalidPasswordHash = "InvalidPasswordHash"
	ReasonInvalidRules        = "InvalidRules"
	ReasonBrokerNotFound      = "BrokerNotFound"
	ReasonNamespaceNotAllowed = "NamespaceNotAllowed"
	ReasonNamespaceNotServed  = "NamespaceNotServed"
	ReasonUsernameTaken       = "UsernameTaken"
	ReasonWaitingForBroker    = "WaitingForBroker"
	ReasonWaitingForPods      = "WaitingForPods"
	ReasonSuspended           = "Suspended"
	ReasonApplied             = "Applied"
	ReasonConflict            = "NameConflict"
	ReasonRefused             = "Refused"
	ReasonWaitingForDeletion  = "WaitingForDeletion"
	ReasonBundleTooLarge      = "AuthBundleTooLarge"
	ReasonInvalidConfig       = "InvalidConfig"
	ReasonStopped             = "Stopped"
	ReasonClientAuthOff       = "ClientAuthOff"
	ReasonIssued              = "Issued"
	ReasonGracePeriod         = "GracePeriod"
	ReasonExpiring            = "Expiring"
	ReasonTestsFailed         = "TestsFailed"
	ReasonRulesShadowed       = "RulesShadowed"
	ReasonLedgerTooLarge      = "CertificateLedgerTooLarge"
	ReasonAudit               = "Audit"
	ReasonNoCertManager       = "CertManagerNotFound"
	ReasonWaitingForIssuer    = "WaitingForCertificate"
	ReasonRouteKindNotFound   = "RouteKindNotFound"
	ReasonRouteNotAccepted    = "RouteNotAccepted"
	ReasonRouteAccepted       = "RouteAccepted"
	ReasonMonitored           = "PodMonitorApplied"
	ReasonTokenKeysMissing    = "TokenKeysUnavailable"
	ReasonKindNotFound        = "PodMonitorKindNotFound"
)

// Annotations and labels of the API.
const (
	// LabelBroker names, on a child or a Secret, the Broker that it belongs to.
	LabelBroker = "mqtt.dunlin.dev/broker"
	// LabelUser names, on a Secret, the User that it belongs to.
	LabelUser = "mqtt.dunlin.dev/user"
	// AnnotationPaused, if it is "true" on a Broker, keeps the operator from changing what runs: the
	// configuration, the StatefulSet, Services, the budget and volumes stay as they are, also where
	// somebody edits them. Users, access rules and certificates go on.
	AnnotationPaused = "mqtt.dunlin.dev/paused"
	// AnnotationRestartedAt on a Broker replaces its pods each time that it gets another value.
	AnnotationRestartedAt = "mqtt.dunlin.dev/restartedAt"
	// AnnotationClientTrust is set on broker pods, for the same sake, when what client certificates are
	// verified by has changed.
	AnnotationClientTrust = "mqtt.dunlin.dev/client-trust"
	// AnnotationForceRenew, on a User, asks with each new value for another client certificate, and revokes
	// those of before.
	AnnotationForceRenew = "mqtt.dunlin.dev/force-renew"
	// AnnotationRotatePassword, on a User, asks with each new value for another generated password.
	AnnotationRotatePassword = "mqtt.dunlin.dev/rotate-password"
	// AnnotationRotateCA, on a Broker, asks with each new value for another CA of its own.
	AnnotationRotateCA = "mqtt.dunlin.dev/rotate-ca"
	// AnnotationAuthRevision is set on broker pods so that the kubelet syncs their volumes at once.
	AnnotationAuthRevision = "mqtt.dunlin.dev/auth-revision"
	// AnnotationConfigRevision is the same for the configuration.
	AnnotationConfigRevision = "mqtt.dunlin.dev/config-revision"
)
