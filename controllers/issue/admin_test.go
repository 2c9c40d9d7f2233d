// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package issue_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func mustIssue(t *testing.T, present map[string][]byte, now time.Time) (map[string][]byte, bool) {
	t.Helper()
	data, changed, err := issue.Admin(present, now)
	if err != nil {
		t.Fatal(err)
	}
	return data, changed
}

func certificate(t *testing.T, certPEM []byte) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(certPEM)
	if block == nil || len(bytes.TrimSpace(rest)) != 0 {
		t.Fatal("not one PEM block")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verify(t *testing.T, data map[string][]byte, cert, name string, usage x509.ExtKeyUsage, now time.Time) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, data[render.AdminCA]))
	_, err := certificate(t, data[cert]).Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
	return err
}

func TestAdminCredentials(t *testing.T) {
	data, changed := mustIssue(t, nil, began)
	if !changed {
		t.Error("nothing was issued")
	}
	want := []string{render.AdminCA, render.AdminCAKey, render.AdminClientCert, render.AdminClientKey, render.AdminServerCert, render.AdminServerKey}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(data))); diff != "" {
		t.Errorf("keys of the Secret (-want +got):\n%s", diff)
	}
	for _, pair := range [][2]string{{render.AdminCA, render.AdminCAKey}, {render.AdminServerCert, render.AdminServerKey}, {render.AdminClientCert, render.AdminClientKey}} {
		if _, err := tls.X509KeyPair(data[pair[0]], data[pair[1]]); err != nil {
			t.Errorf("%s and %s: %v", pair[0], pair[1], err)
		}
	}
	authority := certificate(t, data[render.AdminCA])
	if !authority.IsCA || !authority.MaxPathLenZero || authority.KeyUsage != x509.KeyUsageCertSign {
		t.Errorf("the authority is a CA: %t, of leaves only: %t, usage %b", authority.IsCA, authority.MaxPathLenZero, authority.KeyUsage)
	}
	tests := map[string]struct {
		cert  string
		name  string
		usage x509.ExtKeyUsage
		want  bool
	}{
		"the server serves":                       {render.AdminServerCert, config.AdminServerName, x509.ExtKeyUsageServerAuth, true},
		"the server has no other name":            {render.AdminServerCert, "main.team.svc", x509.ExtKeyUsageServerAuth, false},
		"the server cannot play the operator":     {render.AdminServerCert, "", x509.ExtKeyUsageClientAuth, false},
		"the operator shows itself":               {render.AdminClientCert, "", x509.ExtKeyUsageClientAuth, true},
		"the operator's certificate cannot serve": {render.AdminClientCert, "", x509.ExtKeyUsageServerAuth, false},
		"the operator has not the server's name":  {render.AdminClientCert, config.AdminServerName, x509.ExtKeyUsageClientAuth, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := verify(t, data, test.cert, test.name, test.usage, began); (err == nil) != test.want {
				t.Errorf("verified: %v", err)
			}
		})
	}
	for _, leaf := range []string{render.AdminServerCert, render.AdminClientCert} {
		if certificate(t, data[leaf]).IsCA {
			t.Errorf("%s can sign", leaf)
		}
	}
	other, _ := mustIssue(t, nil, began)
	if bytes.Equal(other[render.AdminCA], data[render.AdminCA]) {
		t.Error("two gateways have one authority")
	}
}

func TestRenewal(t *testing.T) {
	all := []string{render.AdminCA, render.AdminClientCert, render.AdminServerCert}
	leaves := all[1:]
	tests := map[string]struct {
		after time.Duration
		edit  func(map[string][]byte)
		want  []string // certificates that are issued anew
	}{
		"at once everything is kept":                          {},
		"two thirds through, everything is kept":              {after: 59 * day},
		"in the last third of their life leaves are renewed":  {after: 61 * day, want: leaves},
		"leaves that ended are renewed":                       {after: 200 * day, want: leaves},
		"an authority that leaves could outlive is made anew": {after: 10*365*day - 80*day, want: all},
		"a lost client certificate alone is made anew":        {edit: func(d map[string][]byte) { delete(d, render.AdminClientCert) }, want: []string{render.AdminClientCert}},
		"a server's key that is none is made anew":            {edit: func(d map[string][]byte) { d[render.AdminServerKey] = []byte("?") }, want: []string{render.AdminServerCert}},
		"a lost authority takes everything with it":           {edit: func(d map[string][]byte) { delete(d, render.AdminCAKey) }, want: all},
		"a leaf of another authority is made anew":            {edit: foreignServer, want: []string{render.AdminServerCert}},
		"what else stands in the Secret is not taken over":    {edit: func(d map[string][]byte) { d["stray"] = []byte("x") }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			first, _ := mustIssue(t, nil, began)
			present := maps.Clone(first)
			if test.edit != nil {
				test.edit(present)
			}
			now := began.Add(test.after)
			next, changed := mustIssue(t, present, now)
			var anew []string
			for _, cert := range all {
				if !bytes.Equal(next[cert], first[cert]) {
					anew = append(anew, cert)
				}
			}
			if diff := cmp.Diff(test.want, anew); diff != "" {
				t.Errorf("issued anew (-want +got):\n%s", diff)
			}
			if changed != (len(test.want) > 0) {
				t.Errorf("changed: %t", changed)
			}
			if err := verify(t, next, render.AdminServerCert, config.AdminServerName, x509.ExtKeyUsageServerAuth, now); err != nil {
				t.Errorf("server: %v", err)
			}
			if err := verify(t, next, render.AdminClientCert, "", x509.ExtKeyUsageClientAuth, now); err != nil {
				t.Errorf("client: %v", err)
			}
			if len(next) != 6 {
				t.Errorf("%d keys in the Secret", len(next))
			}
		})
	}
}

func foreignServer(d map[string][]byte) {
	other, _, err := issue.Admin(nil, began)
	if err != nil {
		panic(err)
	}
	d[render.AdminServerCert], d[render.AdminServerKey] = other[render.AdminServerCert], other[render.AdminServerKey]
}

// While a renewal travels, a pod may show its old certificate to an operator with the new credentials, and the other
// way round.
func TestOldAndNewAreValidTogether(t *testing.T) {
	first, _ := mustIssue(t, nil, began)
	now := began.Add(61 * day)
	next, _ := mustIssue(t, first, now)
	mixed := maps.Clone(next)
	mixed[render.AdminServerCert] = first[render.AdminServerCert]
	if err := verify(t, mixed, render.AdminServerCert, config.AdminServerName, x509.ExtKeyUsageServerAuth, now.Add(7*day)); err != nil {
		t.Errorf("an old server's certificate and a new authority: %v", err)
	}
	mixed[render.AdminClientCert] = first[render.AdminClientCert]
	if err := verify(t, mixed, render.AdminClientCert, "", x509.ExtKeyUsageClientAuth, now.Add(7*day)); err != nil {
		t.Errorf("an old client's certificate and a new authority: %v", err)
	}
}

func TestClientTLS(t *testing.T) {
	data, _ := mustIssue(t, nil, began)
	c, err := issue.ClientTLS(data)
	if err != nil {
		t.Fatal(err)
	}
	if c.MinVersion != tls.VersionTLS13 || c.ServerName != config.AdminServerName || c.InsecureSkipVerify || len(c.Certificates) != 1 {
		t.Errorf("configuration: TLS %x, name %s, skips verification: %t", c.MinVersion, c.ServerName, c.InsecureSkipVerify)
	}
	for name, test := range map[string]struct{ lost, want string }{
		"no client certificate": {render.AdminClientCert, "the client certificate and key do not make a pair"},
		"no client key":         {render.AdminClientKey, "the client certificate and key do not make a pair"},
		"no authority":          {render.AdminCA, "the authority's certificate is not PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			lacking := maps.Clone(data)
			delete(lacking, test.lost)
			_, err := issue.ClientTLS(lacking)
			if err == nil || err.Error() != test.want || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}
