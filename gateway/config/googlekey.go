// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
)

// The types of Google's credentials files that a gateway takes.
const (
	GoogleServiceAccount = "service_account"
	GoogleFederation     = "external_account"
)

// googleUniverse is the domain of Google Cloud itself; sovereign clouds have others.
const googleUniverse = "googleapis.com"

// GoogleKey is what a gateway takes of a credentials file of Google Cloud. Where a federation's token comes from is not in
// it: pods have the token, and a file that could name any other file, address or program would be a way to read pods.
type GoogleKey struct {
	Type string `json:"type"`
	// Of a service account.
	ClientEmail  string `json:"client_email"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	TokenURI     string `json:"token_uri"`
	// Of a federation. The impersonated service account's URL may be empty.
	Audience         string `json:"audience"`
	SubjectTokenType string `json:"subject_token_type"`
	TokenURL         string `json:"token_url"`
	ImpersonationURL string `json:"service_account_impersonation_url"`
	UniverseDomain   string `json:"universe_domain"`
}

// ReadGoogleKey reads a credentials file and checks that tokens are asked for at Google and nowhere else. The error quotes
// nothing of the file.
func ReadGoogleKey(file string) (*GoogleKey, error) {
	var k GoogleKey
	if err := json.Unmarshal([]byte(file), &k); err != nil {
		return nil, errors.New("is not JSON of the form of a credentials file")
	}
	if k.UniverseDomain != "" && k.UniverseDomain != googleUniverse {
		return nil, errors.New("universe_domain is not " + googleUniverse)
	}
	switch k.Type {
	case GoogleServiceAccount:
		return &k, k.serviceAccount()
	case GoogleFederation:
		return &k, k.federation()
	}
	return nil, errors.New("type is neither " + GoogleServiceAccount + " nor " + GoogleFederation)
}

func (k *GoogleKey) serviceAccount() error {
	switch {
	case k.ClientEmail == "":
		return errors.New("client_email is missing")
	case !isRSAKey(k.PrivateKey):
		return errors.New("private_key is not an RSA key in PEM")
	case k.TokenURI != "" && !atGoogle(k.TokenURI, "oauth2.", "accounts.", "www."):
		return errors.New("token_uri is not Google's")
	}
	return nil
}

func (k *GoogleKey) federation() error {
	if _, ok := GCPAudience(k.Audience); !ok {
		return errors.New("audience is not a provider of a workload identity pool")
	}
	switch {
	case k.SubjectTokenType != "urn:ietf:params:oauth:token-type:jwt" && k.SubjectTokenType != "urn:ietf:params:oauth:token-type:id_token":
		return errors.New("subject_token_type is not that of a JWT")
	case k.TokenURL != "" && !atGoogle(k.TokenURL, "sts."):
		return errors.New("token_url is not Google's")
	case k.ImpersonationURL != "" && !atGoogle(k.ImpersonationURL, "iamcredentials."):
		return errors.New("service_account_impersonation_url is not Google's")
	}
	return nil
}

// atGoogle says whether a URL is https at Google, at a host with one of the beginnings; regional hosts end as these do.
func atGoogle(text string, begins ...string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" {
		return false
	}
	host := u.Hostname()
	for _, begin := range begins {
		if host == begin+"google.com" || strings.HasPrefix(host, begin) && strings.HasSuffix(host, "."+googleUniverse) {
			return true
		}
	}
	return false
}

func isRSAKey(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		_, ok := key.(*rsa.PrivateKey)
		return ok
	}
	_, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	return err == nil
}
