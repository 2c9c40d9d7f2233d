// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// StoreType says where the pods keep what they count.
//
// +kubebuilder:validation:Enum=Local;Redis
type StoreType string

// The types.
const (
	// StoreLocal: each pod counts for itself, and the operator tells each what the others counted.
	StoreLocal StoreType = "Local"
	// StoreRedis: Redis 7 or Valkey 8, or later.
	StoreRedis StoreType = "Redis"
)

// StoreFailure says what becomes of limits and budgets while the store does not answer.
//
// +kubebuilder:validation:Enum=LocalShare;Allow;Deny
type StoreFailure string

// The ways.
const (
	StoreFailureLocalShare StoreFailure = "LocalShare"
	StoreFailureAllow      StoreFailure = "Allow"
	StoreFailureDeny       StoreFailure = "Deny"
)

// Store is where the pods keep together what they count.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Redis') == has(self.redis)",message="redis is required with type: Redis, and has no effect otherwise"
// +kubebuilder:validation:XValidation:rule="self.type == 'Redis' || !has(self.onFailure)",message="onFailure has no effect without type: Redis"
type Store struct {
	// type of the store.
	//
	// +required
	Type StoreType `json:"type"`
	// redis is how the store is reached.
	//
	// +optional
	Redis *RedisStore `json:"redis,omitempty"`
	// onFailure says what becomes of limits and budgets while the store does not answer: LocalShare lets each pod enforce
	// each limit divided by the pods that serve, Allow limits nothing, Deny refuses requests that a limit or budget holds
	// for. Default: LocalShare.
	//
	// +optional
	OnFailure StoreFailure `json:"onFailure,omitempty"`
}

// RedisMode is how the store is reached.
//
// +kubebuilder:validation:Enum=Single;Cluster;Sentinel
type RedisMode string

// The modes.
const (
	RedisSingle   RedisMode = "Single"
	RedisCluster  RedisMode = "Cluster"
	RedisSentinel RedisMode = "Sentinel"
)

// RedisStore is a Redis or Valkey. All that one gateway counts is in one hash slot of a cluster.
//
// +kubebuilder:validation:XValidation:rule="(has(self.mode) && self.mode == 'Sentinel') == has(self.masterName)",message="masterName is required with mode: Sentinel, and has no effect otherwise"
// +kubebuilder:validation:XValidation:rule="!has(self.sentinelCredentials) || has(self.mode) && self.mode == 'Sentinel'",message="sentinelCredentials have no effect without mode: Sentinel"
// +kubebuilder:validation:XValidation:rule="!(has(self.mode) && self.mode == 'Cluster' && has(self.database) && self.database != 0)",message="a cluster has database 0 only"
// +kubebuilder:validation:XValidation:rule="has(self.mode) && self.mode != 'Single' || self.addresses.size() == 1",message="mode: Single takes one address"
type RedisStore struct {
	// mode is Single, Cluster or Sentinel. Default: Single.
	//
	// +optional
	Mode RedisMode `json:"mode,omitempty"`
	// addresses as "host:port": the server's, those of some nodes of the cluster, or the sentinels'.
	//
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=261
	// +kubebuilder:validation:items:Pattern=`^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$`
	Addresses []string `json:"addresses"`
	// masterName is what the sentinels call the master.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	MasterName string `json:"masterName,omitempty"`
	// database is the number of the database. Default: 0.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=15
	Database *int32 `json:"database,omitempty"`
	// credentials are an ACL user's. Default: none.
	//
	// +optional
	Credentials *StoreCredentials `json:"credentials,omitempty"`
	// sentinelCredentials are those that the sentinels ask for. Default: none.
	//
	// +optional
	SentinelCredentials *StoreCredentials `json:"sentinelCredentials,omitempty"`
	// tls reaches the store over TLS. Default: plain TCP.
	//
	// +optional
	TLS *StoreTLS `json:"tls,omitempty"`
	// timeout is how long a request waits for the store before it does without, 5ms to 10s. Default: 50ms.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5ms') && duration(self) <= duration('10s')",message="must be between 5ms and 10s"
	Timeout Duration `json:"timeout,omitempty"`
}

// StoreCredentials are a user's.
type StoreCredentials struct {
	// username of the ACL user. Default: the default user.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Username string `json:"username,omitempty"`
	// secretRef names the password; its key is "password" by default.
	//
	// +required
	SecretRef SecretKeyReference `json:"secretRef"`
}

// StoreTLS says how the store's certificate is checked.
type StoreTLS struct {
	// caSecretRef names a bundle of certificate authorities that replace the system's.
	//
	// +optional
	CASecretRef *SecretKeyReference `json:"caSecretRef,omitempty"`
	// serverName overrides the name that the certificate is checked for.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ServerName string `json:"serverName,omitempty"`
}
