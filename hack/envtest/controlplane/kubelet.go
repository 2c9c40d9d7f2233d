// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
)

// writeKubeletFiles gives the API server what it shows to kubelets. An authority of its own signs it, so that no user's
// certificate does there.
func (a *authority) writeKubeletFiles() error {
	clients, err := newSigner(a.dir, "spark-kubelet-clients")
	if err != nil {
		return err
	}
	template := certificateTemplate("kube-apiserver-kubelet-client")
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	certificate, key, err := clients.sign(template)
	if err != nil {
		return err
	}
	a.kubeletClients = clients.certificate
	if err := os.WriteFile(a.path("kubelet-client.crt"), certificate, 0o600); err != nil {
		return err
	}
	return os.WriteFile(a.path("kubelet-client.key"), key, 0o600)
}

// KubeletTLS is for a kubelet on 127.0.0.1: a certificate that the API server believes, and the authority of the only
// one that the API server shows. What becomes of clients without a certificate is for the kubelet to say.
func (c *ControlPlane) KubeletTLS() (*tls.Config, error) {
	template := certificateTemplate("spark-kubelet")
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	certificate, key, err := c.authority.sign(template)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	clients.AddCert(c.authority.kubeletClients)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients, MinVersion: tls.VersionTLS12}, nil
}
