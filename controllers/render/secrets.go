// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// The keys of the Secret with the administrative credentials. A pod mounts the authority's certificate and the
// server's pair; the client's pair is the operator's.
const (
	AdminCA         = "ca.crt"
	AdminCAKey      = "ca.key"
	AdminServerCert = "tls.crt"
	AdminServerKey  = "tls.key"
	AdminClientCert = "client.crt"
	AdminClientKey  = "client.key"
)

// ConfigSecretName names the Secret with the manifest and every part that is not a key shard.
func ConfigSecretName(gateway string) string { return gateway + "-spark-config" }

// ShardSecretName names the Secret of one key shard ("keys-00" to "keys-63").
func ShardSecretName(gateway, part string) string { return gateway + "-spark-" + part }

// AdminSecretName names the Secret with the administrative credentials.
func AdminSecretName(gateway string) string { return gateway + "-spark-admin" }

// ConfigSecret gives the Secret that holds the manifest, the core and the secrets. They change together, after the
// shards that the manifest names.
func ConfigSecret(gw *v1alpha1.SparkGateway, bundle config.Bundle) (*corev1.Secret, error) {
	manifest, err := json.Marshal(bundle.Manifest)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return secret(gw, ConfigSecretName(gw.Name), map[string][]byte{
		config.ManifestFile: manifest,
		config.CoreFile:     bundle.Parts[config.CorePart],
		config.SecretsFile:  bundle.Parts[config.SecretsPart],
	}), nil
}

// WrittenBundle gives the bundle that the Secrets hold, for as much of it as they do; the zero Bundle before the first.
// shards holds the key shards' Secrets by part.
func WrittenBundle(written *corev1.Secret, shards map[string]*corev1.Secret) config.Bundle {
	var b config.Bundle
	if written == nil || json.Unmarshal(written.Data[config.ManifestFile], &b.Manifest) != nil {
		return config.Bundle{}
	}
	b.Parts = map[string][]byte{
		config.CorePart:    written.Data[config.CoreFile],
		config.SecretsPart: written.Data[config.SecretsFile],
	}
	for part, digest := range b.Manifest.Parts {
		if shard := shards[part]; shard != nil && config.IsPartDigest(digest) {
			b.Parts[part] = shard.Data[config.ShardFile(part, digest)]
		}
	}
	return b
}

// ShardSecrets gives the Secrets of the key shards that have to be written before the bundle's manifest, in order of
// shard. live holds the shards' Secrets as they are, by part, and previous the manifest that pods may still start
// from: its version of a shard stays beside the new one, so that there is no moment at which a starting pod finds a
// manifest without its shards.
func ShardSecrets(gw *v1alpha1.SparkGateway, bundle config.Bundle, previous config.Manifest, live map[string]*corev1.Secret) []*corev1.Secret {
	var out []*corev1.Secret
	for shard := range config.KeyShards {
		part := config.ShardPart(shard)
		digest, named := bundle.Manifest.Parts[part]
		if !named {
			continue
		}
		file := config.ShardFile(part, digest)
		data := map[string][]byte{file: bundle.Parts[part]}
		if held := live[part]; held != nil {
			if bytes.Equal(held.Data[file], bundle.Parts[part]) {
				continue
			}
			if before, ok := previous.Parts[part]; ok && before != digest {
				if content, ok := held.Data[config.ShardFile(part, before)]; ok {
					data[config.ShardFile(part, before)] = content
				}
			}
		}
		out = append(out, secret(gw, ShardSecretName(gw.Name, part), data))
	}
	return out
}

// EmptyShards gives the live Secrets, in order of shard, of shards that the manifest no longer names.
func EmptyShards(manifest config.Manifest, live map[string]*corev1.Secret) []*corev1.Secret {
	var out []*corev1.Secret
	for shard := range config.KeyShards {
		part := config.ShardPart(shard)
		if _, named := manifest.Parts[part]; !named && live[part] != nil {
			out = append(out, live[part])
		}
	}
	return out
}

// AdminSecret gives the Secret with the administrative credentials.
func AdminSecret(gw *v1alpha1.SparkGateway, data map[string][]byte) *corev1.Secret {
	return secret(gw, AdminSecretName(gw.Name), data)
}

func secret(gw *v1alpha1.SparkGateway, name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		TypeMeta:   typeMeta("v1", "Secret"),
		ObjectMeta: meta(gw, name),
		Type:       corev1.SecretTypeOpaque,
		Data:       data,
	}
}
