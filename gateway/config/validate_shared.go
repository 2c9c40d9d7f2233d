// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
)

// maxDatabase is the last of the databases that a server has by default.
const maxDatabase = 15

// CheckAddress says what is wrong with an address of a server, nil when nothing is: it must be "host:port".
func CheckAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" || !validPort(port) {
		return errors.New("is not host:port with a port between 1 and 65535")
	}
	return nil
}

// CheckURL says what is wrong with a URL that is asked as it stands, query included, nil when nothing is. The URL itself is
// not in the error, as it could carry credentials.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("must begin with http:// or https://")
	case u.Hostname() == "":
		return errors.New("has no host")
	case !validPort(u.Port()):
		return errors.New("has a port that is not between 1 and 65535")
	case u.User != nil:
		return errors.New("must not carry credentials")
	case u.Fragment != "":
		return errors.New("must not have a fragment")
	}
	return nil
}

// CheckEndpoint says what is wrong with a URL that paths are put behind, such as a provider's, nil when nothing is. The URL
// itself is not in the error either.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err == nil && (u.RawQuery != "" || u.ForceQuery || u.Fragment != "") && u.User == nil {
		return errors.New("must not have a query or fragment")
	}
	return CheckURL(endpoint)
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func (v *validation) url(field, value string) {
	if err := CheckURL(value); err != nil {
		v.add("%s: %w", field, err)
	}
}

// shared checks what the pods of a gateway have together: prices that nobody said, the store, the ledger.
func (v *validation) shared(d *Document) {
	g := &d.Core.Gateway
	if g.UnknownPrice != "" && !slices.Contains(UnknownPrices, g.UnknownPrice) {
		v.add("gateway.unknownPrice: %q is not known to this gateway", g.UnknownPrice)
	}
	if g.Replicas < 0 {
		v.add("gateway.replicas: %d is negative", g.Replicas)
	}
	if g.Store != nil {
		v.store(g.Store, d.Secrets)
	}
	if g.Ledger != nil {
		v.ledger(g.Ledger, d.Secrets)
	}
}

func (v *validation) store(s *Store, secrets map[string]Secret) {
	const at = "gateway.store"
	if !slices.Contains(StoreModes, s.Mode) {
		v.add("%s.mode: %q is not known to this gateway", at, s.Mode)
	}
	if !slices.Contains(OnFailures, s.OnFailure) {
		v.add("%s.onFailure: %q is not known to this gateway", at, s.OnFailure)
	}
	for i, address := range s.Addresses {
		if err := CheckAddress(address); err != nil {
			v.add("%s.addresses[%d]: %w", at, i, err)
		}
	}
	if n := len(s.Addresses); n == 0 || n > 1 && s.Mode == StoreSingle {
		v.add("%s.addresses: there are %d, and mode %s has one and every other at least one", at, n, StoreSingle)
	}
	if (s.MasterName != "") != (s.Mode == StoreSentinel) {
		v.add("%s.masterName: required with mode %s, and means nothing otherwise", at, StoreSentinel)
	}
	if s.Database < 0 || s.Database > maxDatabase || s.Mode == StoreCluster && s.Database != 0 {
		v.add("%s.database: %d is not within 0 and %d, or not 0 with mode %s", at, s.Database, maxDatabase, StoreCluster)
	}
	v.named(at+".password", s.Password, secrets)
	v.named(at+".sentinelPassword", s.SentinelPassword, secrets)
	if s.Mode != StoreSentinel && (s.SentinelUsername != "" || s.SentinelPassword != "") {
		v.add("%s: sentinelUsername and sentinelPassword mean nothing without mode %s", at, StoreSentinel)
	}
	if s.TLS != nil {
		v.authorities(at+".tls.ca", s.TLS.CA)
	}
	v.positive(at+".timeout", s.Timeout)
}

func (v *validation) ledger(l *Ledger, secrets map[string]Secret) {
	const at = "gateway.ledger"
	v.positive(at+".retention", l.Retention)
	v.counted(at+".maxBytes", l.MaxBytes)
	v.counted(at+".maxExportRecords", l.MaxExportRecords)
	if w := l.Webhook; w != nil {
		v.url(at+".webhook.url", w.URL)
		v.authorization(at+".webhook.authorization", w.Authorization, secrets)
	}
	if o := l.OTLP; o != nil {
		v.url(at+".otlp.endpoint", o.Endpoint)
		v.authorization(at+".otlp.authorization", o.Authorization, secrets)
	}
}

// named checks that a secret that is named is there; no name names none.
func (v *validation) named(field, name string, secrets map[string]Secret) {
	if _, ok := secrets[name]; name != "" && !ok {
		v.add("%s: no secret named %q", field, name)
	}
}

// authorization checks that a secret can be the value of the header Authorization.
func (v *validation) authorization(field, name string, secrets map[string]Secret) {
	v.named(field, name, secrets)
	if err := (Header{Name: "Authorization", Value: secrets[name].Reveal()}).Check(); err != nil {
		v.add("%s: %w", field, err)
	}
}

// valid says whether the price is within its bounds.
func (p *Price) valid() error {
	for _, price := range []int64{p.Input, p.Output, p.CachedInput, p.CacheWrite} {
		if price < 0 || price > MaxPrice {
			return fmt.Errorf("not within 0 and %d", int64(MaxPrice))
		}
	}
	if p.Request < 0 || p.Request > MaxMoney {
		return fmt.Errorf("request is not within 0 and %s", MaxMoney)
	}
	return nil
}
