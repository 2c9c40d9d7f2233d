// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"time"
)

// providerTest is whom the certificate of the provider with TLS is for.
const providerTest = "provider.test"

// idpTest is the name of the certificate of the identity provider, which is for this machine's address too.
const idpTest = "idp.test"

// pair is a certificate with its key, in PEM.
type pair struct{ certificate, key string }

// pairs are of the gateway's listener, and of a provider and of nobody.
var pairs = sync.OnceValue(func() map[string]pair {
	made := map[string]pair{}
	for _, name := range []string{"listener-1.test", "listener-2.test", providerTest, "nobody.test", idpTest} {
		made[name] = selfSigned(name)
	}
	return made
})

// must gives what cannot fail here.
func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}

func selfSigned(name string) pair {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if name == idpTest {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	certificate := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return pair{inPEM("CERTIFICATE", certificate), inPEM("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))}
}

func (p pair) serving() tls.Certificate {
	return must(tls.X509KeyPair([]byte(p.certificate), []byte(p.key)))
}

func inPEM(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

// googleKeys are credentials files of service accounts, whose e-mail addresses begin with one, two and three.
var googleKeys = sync.OnceValue(func() map[string]string {
	key := inPEM("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(must(rsa.GenerateKey(rand.Reader, 2048)))))
	made := map[string]string{}
	for _, name := range []string{"one", "two", "three"} {
		made[name] = string(must(json.Marshal(map[string]string{
			"type": "service_account", "client_email": name + "@p.iam.gserviceaccount.com", "private_key_id": "1", "private_key": key,
		})))
	}
	return made
})

// federation is the credentials file of a workload identity federation, which holds no secret.
const federation = `{"type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
  "token_url": "https://sts.googleapis.com/v1/token",
  "audience": "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/cluster"}`

// aliceKey begins every key that applications show.
const aliceKey = "spark-0123456789abcdef-"

// secretValues are what Secrets hold, by their names.
func secretValues() map[string]map[string]string {
	pairs, google := pairs(), googleKeys()
	return map[string]map[string]string{
		"provider":    {"apiKey": "sk-1", "second": "sk-2"},
		"provider-3":  {"apiKey": "sk-3"},
		"aws-1":       {"accessKeyID": "AKIA1", "secretAccessKey": "s"},
		"aws-2":       {"accessKeyID": "AKIA2", "secretAccessKey": "s"},
		"gcp-1":       {"credentials.json": google["one"], "second.json": google["two"]},
		"gcp-3":       {"credentials.json": google["three"]},
		"gcp-pods":    {"credentials.json": federation},
		"azure-1":     {"clientSecret": "s1", "second": "s2"},
		"azure-3":     {"clientSecret": "s3"},
		"ca":          {"ca.crt": pairs[providerTest].certificate, "nobody.crt": pairs["nobody.test"].certificate},
		"idp":         {"ca.crt": pairs[idpTest].certificate, "nobody.crt": pairs["nobody.test"].certificate},
		"redis":       {"password": storeSecret, "second": storeSecret, "wrong": "another-password"},
		"redis-wrong": {"password": "another-password"},
		"redis-ca":    {"ca.crt": "$STORECA", "nobody.crt": pairs["nobody.test"].certificate},
		"sink-1":      {"authorization": "Bearer one", "second": "Bearer other"},
		"sink-2":      {"authorization": "Bearer two"},
		"sentry-1":    {"dsn": "http://one@$SENTRY/1", "second": "http://other@$SENTRY/2"},
		"sentry-2":    {"dsn": "http://two@$SENTRY/3"},
		"ca-nobody":   {"ca.crt": pairs["nobody.test"].certificate},
		"tls-1":       {"tls.crt": pairs["listener-1.test"].certificate, "tls.key": pairs["listener-1.test"].key},
		"tls-2":       {"tls.crt": pairs["listener-2.test"].certificate, "tls.key": pairs["listener-2.test"].key},
		"alice":       {"apiKey": aliceKey + "1", "second": aliceKey + "one"},
		"alice-2":     {"apiKey": aliceKey + "2"},
		"alice-3":     {"apiKey": aliceKey + "3"},
		"zoe":         {"apiKey": aliceKey + "4"},
		"alice-5":     {"apiKey": aliceKey + "5"},
	}
}
