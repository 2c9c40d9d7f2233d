// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// The defaults that the field comments of SparkGateway, Store and Ledger promise.
const (
	defaultReplicas         = 2
	defaultStoreTimeout     = 50 * time.Millisecond
	defaultRetention        = 720 * time.Hour
	defaultMaxLedgerBytes   = 256 << 20
	defaultMaxExportRecords = 1_000_000

	passwordKey      = "password"
	authorizationKey = "authorization"
)

// maxGatewaySecretBytes bounds a password or the value of a header.
const maxGatewaySecretBytes = 16 << 10

// replicas gives how many pods share limits before anybody counted them.
func replicas(spec *v1alpha1.SparkGatewaySpec) int {
	if a := spec.Autoscaling; a != nil {
		return int(valueOr(a.MinReplicas, min(defaultReplicas, a.MaxReplicas)))
	}
	return int(valueOr(spec.Replicas, defaultReplicas))
}

func (p *problems) unknownPrice(u v1alpha1.UnknownPrice) config.UnknownPrice {
	price := config.UnknownPrice(cmp.Or(u, v1alpha1.UnknownPriceFlag))
	if !slices.Contains(config.UnknownPrices, price) {
		p.add("spec.unknownPrice: %q is not one of %v", u, config.UnknownPrices)
	}
	return price
}

// store reads where pods keep together what they count; nil is each by itself.
func (c *compilation) store(p *problems, s *v1alpha1.Store) *config.Store {
	if s == nil || s.Type != v1alpha1.StoreRedis {
		return nil
	}
	const field = "spec.store.redis"
	if s.Redis == nil {
		p.add("%s: is required with type: Redis", field)
		return nil
	}
	r := s.Redis
	store := &config.Store{
		Mode:       config.StoreMode(cmp.Or(r.Mode, v1alpha1.RedisSingle)),
		Addresses:  slices.Clone(r.Addresses),
		MasterName: r.MasterName,
		Database:   int(p.number(field+".database", r.Database, 0, 0, 15)),
		Timeout:    p.duration(field+".timeout", r.Timeout, defaultStoreTimeout),
		OnFailure:  config.OnFailure(cmp.Or(s.OnFailure, v1alpha1.StoreFailureLocalShare)),
	}
	for i, address := range r.Addresses {
		if err := config.CheckAddress(address); err != nil {
			p.add("%s.addresses[%d]: %w", field, i, err)
		}
	}
	if cr := r.Credentials; cr != nil {
		store.Username = cr.Username
		store.Password = c.password(field+".credentials.secretRef", cr.SecretRef, "store/password")
	}
	if cr := r.SentinelCredentials; cr != nil {
		store.SentinelUsername = cr.Username
		store.SentinelPassword = c.password(field+".sentinelCredentials.secretRef", cr.SecretRef, "store/sentinelPassword")
	}
	if t := r.TLS; t != nil {
		store.TLS = &config.StoreTLS{ServerName: t.ServerName}
		if t.CASecretRef != nil {
			store.TLS.CA = c.authorities(field+".tls.caSecretRef", *t.CASecretRef)
		}
	}
	return store
}

// ledger reads what becomes of usage records. There always is one.
func (c *compilation) ledger(p *problems, l *v1alpha1.Ledger) *config.Ledger {
	if l == nil {
		l = &v1alpha1.Ledger{}
	}
	ledger := &config.Ledger{
		Retention:        p.duration("spec.ledger.retention", l.Retention, defaultRetention),
		MaxBytes:         valueOr(l.MaxBytes, defaultMaxLedgerBytes),
		MaxExportRecords: valueOr(l.MaxExportRecords, defaultMaxExportRecords),
	}
	if w := l.Webhook; w != nil {
		const field = "spec.ledger.webhook"
		if err := config.CheckURL(w.URL); err != nil {
			p.add("%s.url: %w", field, err)
		}
		ledger.Webhook = &config.Webhook{URL: w.URL,
			Authorization: c.authorization(field+".authorizationSecretRef", w.AuthorizationSecretRef, "ledger/webhook")}
	}
	if o := l.OTLP; o != nil {
		const field = "spec.ledger.otlp"
		if err := config.CheckURL(o.Endpoint); err != nil {
			p.add("%s.endpoint: %w", field, err)
		}
		ledger.OTLP = &config.OTLP{Endpoint: o.Endpoint,
			Authorization: c.authorization(field+".authorizationSecretRef", o.AuthorizationSecretRef, "ledger/otlp")}
	}
	return ledger
}

// gatewayValue reads one value of a Secret of the gateway's namespace; "" notes why not.
func (c *compilation) gatewayValue(field string, ref v1alpha1.SecretKeyReference, otherwise string) string {
	value, finding := c.secretValue(field, types.NamespacedName{Namespace: c.in.Gateway.Namespace, Name: ref.Name}, cmp.Or(ref.Key, otherwise))
	c.out.Gateway.ResolvedRefs.join(finding)
	return value
}

// invalidSecret notes that a value of a Secret of the gateway's namespace cannot be used. Why quotes nothing of it.
func (c *compilation) invalidSecret(field string, ref v1alpha1.SecretKeyReference, otherwise, why string) {
	c.out.Gateway.ResolvedRefs.join(Finding{v1alpha1.ReasonInvalidSecret, fmt.Sprintf(
		"%s: Secret %s/%s: key %q %s", field, c.in.Gateway.Namespace, ref.Name, cmp.Or(ref.Key, otherwise), why)})
}

// authorities reads a bundle of certificates; "" notes why there is none.
func (c *compilation) authorities(field string, ref v1alpha1.SecretKeyReference) string {
	pem := c.gatewayValue(field, ref, certificateKey)
	if pem != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) {
		c.invalidSecret(field, ref, certificateKey, "holds no PEM certificate")
		return ""
	}
	return pem
}

// password puts a password into the document, under a name that it gives; "" notes why not.
func (c *compilation) password(field string, ref v1alpha1.SecretKeyReference, name string) string {
	value := c.gatewayValue(field, ref, passwordKey)
	if value == "" {
		return ""
	}
	// The document is JSON, which would not give back what is no text.
	if !utf8.ValidString(value) || len(value) > maxGatewaySecretBytes {
		c.invalidSecret(field, ref, passwordKey, fmt.Sprintf("must be text of at most %d bytes", maxGatewaySecretBytes))
		return ""
	}
	c.secrets[name] = config.NewSecret(value)
	return name
}

// authorization puts the value of the header Authorization into the document, under a name that it gives; "" where there is
// none, or it cannot be used.
func (c *compilation) authorization(field string, ref *v1alpha1.SecretKeyReference, name string) string {
	if ref == nil {
		return ""
	}
	value := c.gatewayValue(field, *ref, authorizationKey)
	if value == "" {
		return ""
	}
	if slices.ContainsFunc([]byte(value), func(b byte) bool { return b < ' ' || b > '~' }) || len(value) > maxGatewaySecretBytes {
		c.invalidSecret(field, *ref, authorizationKey, fmt.Sprintf("must be printable ASCII of at most %d bytes", maxGatewaySecretBytes))
		return ""
	}
	c.secrets[name] = config.NewSecret(value)
	return name
}
