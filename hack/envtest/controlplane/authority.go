// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
)

// authority signs the certificates of one control plane and of its users; its key never leaves memory.
type authority struct {
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey

	// kubeletClients signed the certificate that the API server shows to kubelets, and no other.
	kubeletClients *x509.Certificate
}

const validity = 365 * 24 * time.Hour

func newAuthority(dir string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a, err := newSigner(dir, "spark-control-plane")
	if err != nil {
		return nil, err
	}
	return a, errors.Join(a.writeServerFiles(), a.writeKubeletFiles())
}

// newSigner writes nothing.
func newSigner(dir, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificateTemplate(name)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &authority{dir: dir, key: key}
	a.certificate, err = x509.ParseCertificate(der)
	return a, err
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) writeServerFiles() error {
	serving := certificateTemplate("kube-apiserver")
	serving.DNSNames, serving.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	serving.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	certificate, key, err := a.sign(serving)
	if err != nil {
		return err
	}
	_, accountKey, err := newKey()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"ca.crt": a.pem(), "apiserver.crt": certificate, "apiserver.key": key, "service-accounts.key": accountKey,
	}
	for name, content := range files {
		if err := os.WriteFile(a.path(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (a *authority) apiServerArgs() []string {
	return []string{
		"--client-ca-file=" + a.path("ca.crt"),
		"--tls-cert-file=" + a.path("apiserver.crt"), "--tls-private-key-file=" + a.path("apiserver.key"),
		"--service-account-key-file=" + a.path("service-accounts.key"),
		"--service-account-signing-key-file=" + a.path("service-accounts.key"),
		"--kubelet-certificate-authority=" + a.path("ca.crt"),
		"--kubelet-client-certificate=" + a.path("kubelet-client.crt"), "--kubelet-client-key=" + a.path("kubelet-client.key"),
	}
}

// clientConfig is a user's: the API server takes name and groups from the certificate.
func (a *authority) clientConfig(url, user string, groups ...string) (*rest.Config, error) {
	template := certificateTemplate(user)
	template.Subject.Organization = groups
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	certificate, key, err := a.sign(template)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            url,
		TLSClientConfig: rest.TLSClientConfig{CAData: a.pem(), CertData: certificate, KeyData: key},
		// a client on the same machine needs no protection from itself
		QPS: -1,
	}, nil
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

func (a *authority) sign(template *x509.Certificate) (certificate, key []byte, err error) {
	private, key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key, nil
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func certificateTemplate(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour), // clocks differ
		NotAfter:     time.Now().Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}
