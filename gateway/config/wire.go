// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// Where the operator mounts the configuration's Secrets in a pod, and what the files are called. The manifest, core
// and secrets are keys of one Secret, so they change together; each shard's file bears its digest, so that a Secret
// can hold the version that the old manifest names beside the one that the new manifest names.
const (
	ManifestFile = "manifest.json"
	CoreFile     = "core.json"
	SecretsFile  = "secrets.json"
)

// ShardFile gives a shard's file name for a part's digest.
func ShardFile(part, digest string) string { return part + "-" + digest[:12] + ".json" }

// PushPath takes a Push by POST: 200 with an Ack (which may tell of a rejection), or 409 with a Shortfall.
// AckPath gives an Ack by GET.
const (
	PushPath = "/v1/config"
	AckPath  = "/v1/ack"
)

// AdminServerName is the name in every gateway's admin certificate; the certificate's authority is the gateway's own,
// so the name need not tell gateways apart.
const AdminServerName = "gateway.sparkgateway.dev"

// Push carries a manifest and those of its parts that the operator thinks the pod lacks.
type Push = Bundle

// Shortfall names the parts that a pod lacks to take up a manifest.
type Shortfall struct {
	Missing []string `json:"missing"`
}

// Ack is what one gateway process says of itself.
type Ack struct {
	// Gateway is "namespace/name", Pod the pod's UID, Instance a random name of this process.
	Gateway  string `json:"gateway"`
	Pod      string `json:"pod"`
	Instance string `json:"instance"`
	// Revision and Sequence are of the document being served; empty and 0 before the first.
	Revision string `json:"revision,omitempty"`
	Sequence int64  `json:"sequence,omitempty"`
	// Rejected is the newest document that this process refused, nil once a newer one is served.
	Rejected *Rejection `json:"rejected,omitempty"`
	// Schemas are the document schemas this process reads.
	Schemas []int `json:"schemas"`
	// Version is the gateway's release.
	Version string `json:"version"`
	// Draining is true once the process was asked to leave.
	Draining bool `json:"draining,omitempty"`
}

// Rejection is a document that a gateway refused, and why.
type Rejection struct {
	Revision string `json:"revision"`
	Sequence int64  `json:"sequence"`
	Error    string `json:"error"`
}
