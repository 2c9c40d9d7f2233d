// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// signing is a request as AWS's SDKs sign it, before a test spoils it.
type signing struct {
	id, secret, token, service string
	at                         time.Time
	headers                    map[string]string // signed with the rest
	spoil                      func(r *http.Request)
}

// signedCall signs a call and sends it.
func signedCall(t *testing.T, server *fakeprovider.Server, s signing) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(soon(t), http.MethodPost, server.URL()+bedrockPath+"/converse?x=a%20b",
		strings.NewReader(converse))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range s.headers {
		request.Header.Set(name, value)
	}
	sum := sha256.Sum256([]byte(converse))
	credentials := aws.Credentials{AccessKeyID: s.id, SecretAccessKey: s.secret, SessionToken: s.token}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, request, hex.EncodeToString(sum[:]), s.service, "eu-west-3", s.at); err != nil {
		t.Fatal(err)
	}
	if s.spoil != nil {
		s.spoil(request)
	}
	response, err := client(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func TestBedrockVerifiesSignatures(t *testing.T) {
	server := start(t, fakeprovider.Options{
		APIKeys: []string{"bedrock-api-key-good"},
		AWSKeys: []fakeprovider.AWSKey{
			{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"},
			{AccessKeyID: "ASIATEMPORARY", SecretAccessKey: "other", SessionToken: "token"},
		},
	})
	now := time.Now().UTC()
	valid := signing{id: "AKIDEXAMPLE", secret: "secret", service: "bedrock", at: now}
	change := func(changes func(*signing)) signing {
		s := valid
		changes(&s)
		return s
	}
	header := func(name, value string) signing {
		return change(func(s *signing) { s.spoil = func(r *http.Request) { r.Header.Set(name, value) } })
	}
	for name, c := range map[string]struct {
		signing signing
		kind    string // of the refusal
	}{
		"by one of its keys":            {valid, ""},
		"with further headers":          {change(func(s *signing) { s.headers = map[string]string{"X-Amz-Target": "a  b", "Accept": "x"} }), ""},
		"with temporary keys":           {change(func(s *signing) { s.id, s.secret, s.token = "ASIATEMPORARY", "other", "token" }), ""},
		"a little while ago":            {change(func(s *signing) { s.at = now.Add(-4 * time.Minute) }), ""},
		"a long while ago":              {change(func(s *signing) { s.at = now.Add(-6 * time.Minute) }), "InvalidSignatureException"},
		"in the future":                 {change(func(s *signing) { s.at = now.Add(6 * time.Minute) }), "InvalidSignatureException"},
		"by another secret":             {change(func(s *signing) { s.secret = "guess" }), "InvalidSignatureException"},
		"by another key":                {change(func(s *signing) { s.id = "AKIDOTHER" }), "UnrecognizedClientException"},
		"without the session's token":   {change(func(s *signing) { s.id, s.secret = "ASIATEMPORARY", "other" }), "UnrecognizedClientException"},
		"for another service":           {change(func(s *signing) { s.service = "bedrock-runtime" }), "InvalidSignatureException"},
		"and then another content type": {header("Content-Type", "text/plain"), "InvalidSignatureException"},
		"and then a header unsigned":    {header("X-Amz-Extra", "1"), "InvalidSignatureException"},
		"and then no date":              {header("X-Amz-Date", ""), "IncompleteSignatureException"},
		"and then half of it is gone":   {header("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/x"), "IncompleteSignatureException"},
		"and then the scheme is gone":   {header("Authorization", "Basic eHg="), "IncompleteSignatureException"},
		"and then all of it is gone":    {header("Authorization", ""), "MissingAuthenticationTokenException"},
		"and then another path": {change(func(s *signing) {
			s.spoil = func(r *http.Request) { r.URL.RawPath, r.URL.Path = "", "/model/other/converse" }
		}), "InvalidSignatureException"},
		"and then another query": {change(func(s *signing) { s.spoil = func(r *http.Request) { r.URL.RawQuery = "x=b" } }), "InvalidSignatureException"},
		"and then another body": {change(func(s *signing) {
			s.spoil = func(r *http.Request) {
				other := strings.Replace(converse, "hi", "ho", 1)
				r.Body = http.NoBody
				changed, _ := http.NewRequest(http.MethodPost, r.URL.String(), strings.NewReader(other))
				r.Body, r.GetBody = changed.Body, changed.GetBody
			}
		}), "InvalidSignatureException"},
		"or by a key of Bedrock's":   {header("Authorization", "Bearer bedrock-api-key-good"), ""},
		"or by one that is no key":   {header("Authorization", "Bearer x"), "UnrecognizedClientException"},
		"or by a secret as a bearer": {header("Authorization", "Bearer secret"), "UnrecognizedClientException"},
	} {
		t.Run(name, func(t *testing.T) {
			response := signedCall(t, server, c.signing)
			kind, _, _ := strings.Cut(response.Header.Get("x-amzn-errortype"), ":")
			if kind != c.kind || (response.StatusCode == 200) != (c.kind == "") || c.kind != "" && response.StatusCode != 403 {
				t.Errorf("%s %q, want %q", response.Status, kind, c.kind)
			}
		})
	}
}

func TestRecordsKeepNoSignature(t *testing.T) {
	server := start(t, fakeprovider.Options{AWSKeys: []fakeprovider.AWSKey{{
		AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", SessionToken: "session-token-1234"}}})
	signedCall(t, server, signing{id: "AKIDEXAMPLE", secret: "secret", token: "session-token-1234", service: "bedrock", at: time.Now()})
	record := ended(t, server)
	if record.KeySHA256 != fakeprovider.SHA256Of("AKIDEXAMPLE") {
		t.Error("the record does not say which key signed")
	}
	for name, shown := range map[string]string{"Authorization": "AWS4-HMAC-SHA256 ***", "X-Amz-Security-Token": "***1234"} {
		if value := record.Headers.Get(name); !strings.HasPrefix(value, shown) || len(value) > len(shown)+4 {
			t.Errorf("%s is recorded as %q", name, value)
		}
	}
}
