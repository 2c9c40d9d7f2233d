// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// Store is a Redis or Valkey in which the pods of a gateway keep together what they count.
type Store struct {
	Mode StoreMode `json:"mode"`
	// Addresses are "host:port": one with StoreSingle, else some nodes of the cluster, or the sentinels.
	Addresses []string `json:"addresses"`
	// MasterName is what sentinels call the master; only with StoreSentinel.
	MasterName string `json:"masterName,omitempty"`
	// Database is 0 to 15, and 0 with StoreCluster.
	Database int `json:"database,omitempty"`
	// Username is an ACL user; empty is the default user. Password names it in Document.Secrets; empty sends none.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// SentinelUsername and SentinelPassword are those of the sentinels, likewise.
	SentinelUsername string `json:"sentinelUsername,omitempty"`
	SentinelPassword string `json:"sentinelPassword,omitempty"`
	// TLS is nil for plain TCP.
	TLS *StoreTLS `json:"tls,omitempty"`
	// Timeout is how long a request waits for the store before it does without. Positive.
	Timeout Duration `json:"timeout"`
	// OnFailure says what becomes of limits without the store.
	OnFailure OnFailure `json:"onFailure"`
}

// StoreMode is how a store is reached.
type StoreMode string

// The modes.
const (
	StoreSingle   StoreMode = "Single"
	StoreCluster  StoreMode = "Cluster"
	StoreSentinel StoreMode = "Sentinel"
)

// StoreModes are all that this version knows.
var StoreModes = []StoreMode{StoreCluster, StoreSentinel, StoreSingle}

// StoreTLS says how the store's certificate is checked.
type StoreTLS struct {
	// CA is a PEM bundle that replaces the system's roots; empty keeps them.
	CA string `json:"ca,omitempty"`
	// ServerName overrides the name that the certificate is checked for.
	ServerName string `json:"serverName,omitempty"`
}

// OnFailure says what becomes of limits and budgets while the store does not answer.
type OnFailure string

// The ways.
const (
	// LocalShare: each pod enforces its share, the limit divided by the pods that serve.
	LocalShare OnFailure = "LocalShare"
	// AllowAll: nothing is limited.
	AllowAll OnFailure = "Allow"
	// DenyAll: requests that a limit holds for are refused.
	DenyAll OnFailure = "Deny"
)

// OnFailures are all that this version knows.
var OnFailures = []OnFailure{AllowAll, DenyAll, LocalShare}

// Ledger says what becomes of usage records.
type Ledger struct {
	// Retention is how long they are kept. Positive.
	Retention Duration `json:"retention"`
	// MaxBytes bounds what one pod keeps on disk without a store, and what a store keeps of a gateway; the oldest go first.
	// Positive.
	MaxBytes int64 `json:"maxBytes"`
	// MaxExportRecords bounds one export. Positive.
	MaxExportRecords int64 `json:"maxExportRecords"`
	// Webhook and OTLP send records on; nil does not.
	Webhook *Webhook `json:"webhook,omitempty"`
	OTLP    *OTLP    `json:"otlp,omitempty"`
}

// Webhook takes records by POST, as JSON lines.
type Webhook struct {
	URL string `json:"url"`
	// Authorization names the value of that header in Document.Secrets; empty sends none.
	Authorization string `json:"authorization,omitempty"`
}

// OTLP takes records as OpenTelemetry logs over HTTP.
type OTLP struct {
	// Endpoint is the URL that logs are posted to, such as "http://otel:4318/v1/logs".
	Endpoint string `json:"endpoint"`
	// Authorization names the value of that header in Document.Secrets; empty sends none.
	Authorization string `json:"authorization,omitempty"`
}
