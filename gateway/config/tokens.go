// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The audiences of the ServiceAccount tokens that clouds take for proof of a pod's identity. Google Cloud's names the
// federation's provider, see GCPAudience. None is one that the Kubernetes API server accepts.
const (
	AWSAudience   = "sts.amazonaws.com"
	AzureAudience = "api://AzureADTokenExchange"
)

// TokenDir is where the operator mounts tokens in a pod, read-only, each in a directory of its own: the kubelet replaces
// them before they expire.
const TokenDir = "/var/run/spark/tokens"

// TokenFile gives where the token for an audience stands in a pod.
func TokenFile(audience string) string { return TokenDir + "/" + TokenPath(audience) }

// TokenPath is TokenFile below TokenDir: what is readable of the audience, a digest of the whole, and "token".
func TokenPath(audience string) string {
	readable := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(audience), "-"), "-")
	sum := sha256.Sum256([]byte(audience))
	return readable[:min(len(readable), 40)] + "-" + hex.EncodeToString(sum[:4]) + "/token"
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// federation is the name of a provider of a workload identity pool, as a federation's configuration calls its audience.
var federation = regexp.MustCompile(
	`^//iam\.googleapis\.com/projects/[0-9]{1,20}/locations/global/workloadIdentityPools/[a-z0-9-]{1,64}/providers/[a-z0-9-]{1,64}$`)

// GCPAudience gives the audience of the token for a workload identity federation, from the audience that its configuration
// names; false where that is none. Nothing else is let through, so that a configuration cannot ask for a token that the
// Kubernetes API server, or another service that trusts the cluster, would accept.
func GCPAudience(configured string) (string, bool) {
	return "https:" + configured, federation.MatchString(configured)
}

// Audiences gives the audiences of the tokens that pods need to serve the document, sorted and unique.
func (c *Core) Audiences() []string {
	found := map[string]bool{}
	for _, p := range c.Providers {
		if p.AWS != nil && p.AWS.TokenFile != "" {
			found[AWSAudience] = true
		}
		if p.GCP != nil && p.GCP.TokenFile != "" {
			found[p.GCP.Audience] = true
		}
		if p.Azure != nil && p.Azure.TokenFile != "" {
			found[AzureAudience] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
