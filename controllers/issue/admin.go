// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// How long certificates last. A leaf is renewed when a third of its life is left; old and new are valid together, so
// no pod and no operator is locked out while a renewal travels.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 90 * 24 * time.Hour
	// skew tolerates clocks that run behind.
	skew = time.Hour
)

// clientName is the operator's name in its client certificate.
const clientName = "spark-operator"

// Admin gives the administrative credentials of one gateway, as its Secret holds them: an authority of its own, the
// server's certificate and the operator's. What is valid in the present data is kept: the authority for its life,
// and the leaves until a third of theirs is left. changed says whether anything was issued.
func Admin(present map[string][]byte, now time.Time) (data map[string][]byte, changed bool, err error) {
	authority, err := loadPair(present[render.AdminCA], present[render.AdminCAKey])
	fresh := err != nil || now.After(authority.cert.NotAfter.Add(-leafLife))
	if fresh {
		if authority, err = newAuthority(now); err != nil {
			return nil, false, err
		}
	}
	data = map[string][]byte{render.AdminCA: authority.certPEM, render.AdminCAKey: authority.keyPEM}
	for _, leaf := range []struct {
		certKey, keyKey, name string
		usage                 x509.ExtKeyUsage
	}{
		{render.AdminServerCert, render.AdminServerKey, config.AdminServerName, x509.ExtKeyUsageServerAuth},
		{render.AdminClientCert, render.AdminClientKey, clientName, x509.ExtKeyUsageClientAuth},
	} {
		held, err := loadPair(present[leaf.certKey], present[leaf.keyKey])
		if !fresh && err == nil && now.Before(held.cert.NotAfter.Add(-leafLife/3)) && held.cert.CheckSignatureFrom(authority.cert) == nil {
			data[leaf.certKey], data[leaf.keyKey] = held.certPEM, held.keyPEM
			continue
		}
		changed = true
		issued, err := newLeaf(authority, leaf.name, leaf.usage, now)
		if err != nil {
			return nil, false, err
		}
		data[leaf.certKey], data[leaf.keyKey] = issued.certPEM, issued.keyPEM
	}
	return data, changed || fresh, nil
}

// ClientTLS gives the operator's side of the administrative connection from a Secret's data.
func ClientTLS(data map[string][]byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(data[render.AdminClientCert], data[render.AdminClientKey])
	if err != nil {
		return nil, errors.New("the client certificate and key do not make a pair")
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data[render.AdminCA]) {
		return nil, errors.New("the authority's certificate is not PEM")
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		RootCAs:      roots,
		ServerName:   config.AdminServerName,
	}, nil
}

// pair is a certificate and its key, parsed and as PEM.
type pair struct {
	cert            *x509.Certificate
	key             *ecdsa.PrivateKey
	certPEM, keyPEM []byte
}

func loadPair(certPEM, keyPEM []byte) (pair, error) {
	both, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return pair{}, errors.New("not a pair")
	}
	key, ok := both.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return pair{}, errors.New("not an ECDSA key")
	}
	return pair{cert: both.Leaf, key: key, certPEM: certPEM, keyPEM: keyPEM}, nil
}

func newAuthority(now time.Time) (pair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "spark gateway administration"},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	return sign(template, nil)
}

func newLeaf(authority pair, name string, usage x509.ExtKeyUsage, now time.Time) (pair, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		DNSNames:    []string{name},
		NotBefore:   now.Add(-skew),
		NotAfter:    now.Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	return sign(template, &authority)
}

// sign makes a key and a certificate for it, signed by the parent or, without one, by itself.
func sign(template *x509.Certificate, parent *pair) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("make a key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return pair{}, fmt.Errorf("make a serial number: %w", err)
	}
	signer, issuer := key, template
	if parent != nil {
		signer, issuer = parent.key, parent.cert
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		return pair{}, fmt.Errorf("make a certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, errors.New("encode a key")
	}
	return loadPair(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}
