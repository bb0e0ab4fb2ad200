package config

import "regexp"

// constraint is what the Kubernetes API's schema says about one field. Zero: it says nothing.
type constraint struct {
	Default              string // as text
	Min, Max             *int64
	MinLength, MaxLength int
	Pattern              *regexp.Regexp
	MinItems, MaxItems   int
	Unique               bool // items
	ItemMin, ItemMax     int  // length of each item
	ItemPattern          *regexp.Regexp
}

// constraints are the defaults and limits by Go type and field. They repeat the kubebuilder markers of the types
// for the broker, which has no schema to ask; a test holds the two together.
var constraints = map[string]constraint{
	"Authentication.EnhancedMethods": {MaxItems: 2, Unique: true},

	"ServiceAccounts.Audiences": {MaxItems: 8, Unique: true, ItemMin: 1, ItemMax: 256},

	"Authorization.DefaultPolicy": {Default: "Deny"},
	"Authorization.Enforcement":   {Default: "Enforce"},
	"Log.Level":                   {Default: "Info"},
	"Log.Format":                  {Default: "JSON"},

	"Drain.DisconnectsPerSecond":              {Default: "1000", Min: new(int64(0)), Max: new(int64(1000000))},
	"Drain.TimeoutSeconds":                    {Default: "20", Min: new(int64(1)), Max: new(int64(3600))},
	"Audit.MaxFileBytes":                      {Default: "104857600", Min: new(int64(65536))},
	"AuditSettings.EntriesPerMinutePerClient": {Default: "60", Min: new(int64(1))},
	"AuditSettings.EntriesPerSecond":          {Default: "1000", Min: new(int64(1))},

	"TracingSettings.Endpoint":          {MaxLength: 1024, Pattern: regexp.MustCompile(`^https?://[^/?#@]+(/[!-"$-~]*)?$`)},
	"TracingSettings.MaxSpansPerSecond": {Default: "1000", Min: new(int64(1)), Max: new(int64(100000))},

	"Store.MaxBytes":                      {Min: new(int64(0))},
	"AdminUsers.ReadGroup":                {MaxLength: 256},
	"AdminUsers.WriteGroup":               {MaxLength: 256},
	"Durability.Sync":                     {Default: "Always"},
	"Durability.SyncIntervalMilliseconds": {Default: "100", Min: new(int64(1)), Max: new(int64(60000))},

	"ListenerSettings.Name":           {MinLength: 1, MaxLength: 15, Pattern: regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)},
	"ListenerSettings.Protocol":       {Default: "MQTTS"},
	"ListenerSettings.Port":           {Min: new(int64(1)), Max: new(int64(65535))},
	"ListenerSettings.MaxConnections": {Min: new(int64(0))},
	"ListenerSettings.Path":           {MaxLength: 255, Pattern: regexp.MustCompile(`^/[!-"$&->@-~]*$`)},
	"ListenerSettings.Origins": {MaxItems: 64, Unique: true, ItemMin: 1, ItemMax: 255,
		ItemPattern: regexp.MustCompile(`^https?://[^/?#@]+$`)},
	"ProxyProtocol.Trusted": {MinItems: 1, MaxItems: 64, Unique: true, ItemMin: 1, ItemMax: 43,
		ItemPattern: regexp.MustCompile(`^[0-9a-fA-F:.]+(/[0-9]{1,3})?$`)},
	"ListenerTLS.Certificates": {MaxItems: 64},
	"ListenerTLS.CRLFiles":     {MaxItems: 64, Unique: true, ItemMin: 1},
	"Listener.SocketMode":      {Pattern: regexp.MustCompile(`^0?[0-7]{3}$`)},

	"MQTT.MaxPacketSizeBytes":            {Default: "1048576", Min: new(int64(1024)), Max: new(int64(268435460))},
	"MQTT.ReceiveMaximum":                {Default: "1024", Min: new(int64(1)), Max: new(int64(65535))},
	"MQTT.MaxInflight":                   {Default: "1024", Min: new(int64(1)), Max: new(int64(65535))},
	"MQTT.TopicAliasMaximum":             {Default: "32", Min: new(int64(0)), Max: new(int64(65535))},
	"MQTT.SessionExpiryMaxSeconds":       {Default: "2592000", Min: new(int64(1)), Max: new(int64(4294967295))},
	"MQTT.KeepAliveMaxSeconds":           {Min: new(int64(0)), Max: new(int64(65535))},
	"MQTT.MaxQoS":                        {Default: "2", Min: new(int64(0)), Max: new(int64(2))},
	"MQTT.RetainAvailable":               {Default: "true"},
	"MQTT.WildcardSubscriptionAvailable": {Default: "true"},
	"MQTT.SharedSubscriptionAvailable":   {Default: "true"},
	"MQTT.MaxTopicLevels":                {Default: "128", Min: new(int64(1)), Max: new(int64(65535))},
	"MQTT.MaxTopicLengthBytes":           {Default: "65535", Min: new(int64(1)), Max: new(int64(65535))},
	"MQTT.MaxFiltersPerSubscribe":        {Default: "10000", Min: new(int64(1))},
	"MQTT.MaxUserProperties":             {Default: "1000", Min: new(int64(1))},
	"MQTT.MaxSubscriptionsPerSession":    {Default: "10000", Min: new(int64(1))},
	"MQTT.MaxQueuedMessages":             {Default: "100000", Min: new(int64(1))},
	"MQTT.MaxQueuedBytes":                {Default: "67108864", Min: new(int64(1024))},
	"MQTT.MaxQueuedBytesTotal":           {Default: "4294967296", Min: new(int64(1024))},
	"MQTT.QueuePolicy":                   {Default: "DropOldest"},
	"MQTT.MaxOutboundBytes":              {Default: "1048576", Min: new(int64(4096))},
	"MQTT.ConnectTimeoutSeconds":         {Default: "10", Min: new(int64(1)), Max: new(int64(3600))},
	"MQTT.ResponseTopicPrefix":           {MaxLength: 1024, Pattern: regexp.MustCompile(`^[^\x00-\x1F\x7F+#]+$`)},
	"MQTT.ServerReference":               {MaxLength: 1024, Pattern: regexp.MustCompile(`^[!-~]+( [!-~]+)*$`)},
	"SysTopics.Enabled":                  {Default: "true"},
	"SysTopics.IntervalSeconds":          {Default: "10", Min: new(int64(1)), Max: new(int64(3600))},

	"Limits.MaxConnections":                 {Min: new(int64(0))},
	"Limits.MaxConnectionsPerUser":          {Min: new(int64(0))},
	"Limits.MaxConnectionsPerAddress":       {Min: new(int64(0))},
	"Limits.ConnectionsPerSecond":           {Min: new(int64(0))},
	"Limits.ConnectionsPerSecondPerAddress": {Min: new(int64(0))},
	"Limits.PublishMessagesPerSecond":       {Min: new(int64(0))},
	"Limits.PublishBytesPerSecond":          {Min: new(int64(0))},
	"Ban.Attempts":                          {Min: new(int64(0))},
	"Ban.WindowSeconds":                     {Default: "60", Min: new(int64(1)), Max: new(int64(86400))},
	"Ban.BanSeconds":                        {Default: "300", Min: new(int64(1)), Max: new(int64(604800))},
	"UserLimits.MaxConnections":             {Min: new(int64(0))},
	"UserLimits.PublishMessagesPerSecond":   {Min: new(int64(0))},
	"UserLimits.PublishBytesPerSecond":      {Min: new(int64(0))},

	"ACLRules.Subjects":          {MinItems: 1, MaxItems: 256},
	"ACLRules.Rules":             {MinItems: 1, MaxItems: 256},
	"ACLRules.Priority":          {Default: "0"},
	"Subject.Name":               {MaxLength: 256},
	"Selector.MatchLabels":       {MaxItems: 64},
	"Selector.MatchExpressions":  {MaxItems: 64},
	"SelectorRequirement.Key":    {MinLength: 1, MaxLength: 317},
	"SelectorRequirement.Values": {MaxItems: 64, ItemMax: 63},
	"Rule.Effect":                {Default: "Allow"},
	"Rule.Actions":               {MinItems: 1, MaxItems: 2, Unique: true},
	"Rule.Topics":                {MinItems: 1, MaxItems: 256, ItemMin: 1, ItemMax: 1024},
}

// enums are the allowed values by Go type.
var enums = map[string][]string{
	"Policy":           {string(PolicyDeny), string(PolicyAllow)},
	"SubjectKind":      {string(SubjectUser), string(SubjectGroup), string(SubjectClientID), string(SubjectServiceAccount), string(SubjectEveryone), string(SubjectAnonymous)},
	"Effect":           {string(Allow), string(Deny)},
	"Enforcement":      {string(EnforcementEnforce), string(EnforcementAudit)},
	"Action":           {string(ActionPublish), string(ActionSubscribe)},
	"LogLevel":         {string(LogDebug), string(LogInfo), string(LogWarn), string(LogError)},
	"LogFormat":        {string(LogText), string(LogJSON)},
	"Protocol":         {string(ProtocolMQTT), string(ProtocolMQTTS), string(ProtocolWS), string(ProtocolWSS)},
	"TLSVersion":       {string(TLS12), string(TLS13)},
	"SyncMode":         {string(SyncAlways), string(SyncInterval), string(SyncMemory)},
	"EnhancedMethod":   {string(ScramSHA256), string(ScramSHA512)},
	"CertificateField": {string(CommonName), string(DNSName), string(URI)},
	"ClientAuth":       {string(ClientAuthNone), string(ClientAuthRequest), string(ClientAuthRequire)},
	"SelectorOperator": {string(SelectorIn), string(SelectorNotIn), string(SelectorExists), string(SelectorDoesNotExist)},
	"QueuePolicy":      {string(DropOldest), string(DropNewest), string(Refuse)},
}
