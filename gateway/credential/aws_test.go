// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/credential"
)

const (
	accessKeyID = "canary-access-key-id"
	secretKey   = "canary-secret-access-key"
	session     = "canary-session-token"
	role        = "arn:aws:iam::123456789012:role/spark"
)

func staticAWS(withSession bool) credential.Identity {
	i := credential.Identity{
		AWS:     &config.AWSIdentity{Region: "eu-central-1", AccessKeyID: "id", SecretAccessKey: "key"},
		Secrets: secrets(map[string]string{"id": accessKeyID, "key": secretKey, "session": session}),
	}
	if withSession {
		i.AWS.SessionToken = "session"
	}
	return i
}

// signedByTheLibrary signs a request as AWS's SDK would: its URL is the one that is sent.
func signedByTheLibrary(t *testing.T, method, address, body, token string) map[string]string {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	// What the gateway sends beside is not signed.
	r.ContentLength = 0
	sum := sha256.Sum256([]byte(body))
	keys := aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secretKey, SessionToken: token}
	if err := v4.NewSigner().SignHTTP(t.Context(), keys, r, hex.EncodeToString(sum[:]), "bedrock", "eu-central-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for name := range r.Header {
		fields[name] = r.Header.Get(name)
	}
	return fields
}

func TestSignaturesAreAsAWSsOwn(t *testing.T) {
	const host = "bedrock-runtime.eu-central-1.amazonaws.com"
	arn := "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0"
	tests := map[string]struct {
		request credential.Request
		session bool
	}{
		"a plain request":                {credential.Request{Method: "GET", Host: host, Target: "/"}, false},
		"a model with a colon":           {credential.Request{Method: "POST", Host: host, Target: "/model/amazon.nova-pro-v1%3A0/converse", Body: []byte(`{"messages":[]}`)}, false},
		"an ARN with colons and a slash": {credential.Request{Method: "POST", Host: host, Target: "/model/" + escaped(arn) + "/converse-stream", Body: []byte("{}")}, false},
		"a temporary credential":         {credential.Request{Method: "POST", Host: host, Target: "/model/a/converse", Body: []byte("{}")}, true},
		"a query":                        {credential.Request{Method: "GET", Host: host, Target: "/foundation-models?byProvider=amazon&a=%2F"}, false},
		"letters beyond ASCII":           {credential.Request{Method: "POST", Host: host, Target: "/model/%C3%A9/converse", Body: []byte(`"é"`)}, false},
		"another port":                   {credential.Request{Method: "POST", Host: "localhost:4566", Target: "/model/a/converse"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			// In a bubble, so that both sign at the same time.
			synctest.Test(t, func(t *testing.T) {
				got, err := authorized(t.Context(), source(t, &cloud{}, staticAWS(test.session), nil), test.request)
				if err != nil {
					t.Fatal(err)
				}
				token := ""
				if test.session {
					token = session
				}
				want := signedByTheLibrary(t, test.request.Method, "https://"+test.request.Host+test.request.Target, string(test.request.Body), token)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("header (-want +got):\n%s", diff)
				}
				if !strings.Contains(got["Authorization"], "/20000101/eu-central-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date") {
					t.Errorf("authorization %q", got["Authorization"])
				}
				if _, sent := got["X-Amz-Security-Token"]; sent != test.session {
					t.Errorf("a session token is sent: %t", sent)
				}
			})
		})
	}
}

// escaped escapes a segment as AWS's SDKs do.
func escaped(segment string) string {
	return strings.ReplaceAll(url.PathEscape(segment), ":", "%3A")
}

// The canonical request is escaped twice, as every service but S3 asks: a signature made here once and for all, by hand
// from the rules (canonical URI /model/a%253A0/converse), so that the library's rules cannot change unseen.
func TestASignatureThatNeverChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := authorized(t.Context(), source(t, &cloud{}, staticAWS(false), nil), credential.Request{
			Method: "POST", Host: "bedrock-runtime.eu-central-1.amazonaws.com", Target: "/model/a%3A0/converse", Body: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"X-Amz-Date": "20000101T000000Z",
			"Authorization": "AWS4-HMAC-SHA256 Credential=canary-access-key-id/20000101/eu-central-1/bedrock/aws4_request, " +
				"SignedHeaders=host;x-amz-date, Signature=" + byHand("/model/a%253A0/converse", "{}"),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
	})
}

func TestATargetThatIsNone(t *testing.T) {
	s := source(t, &cloud{}, staticAWS(false), nil)
	for _, target := range []string{"", "model", "/%zz", "/\x7f"} {
		if _, err := authorized(t.Context(), s, credential.Request{Method: "POST", Host: "h", Target: target}); err == nil || err.Error() != "the target is not one of HTTP" {
			t.Errorf("%q: %v", target, err)
		}
	}
}

// assumedRole is STS's answer.
func assumedRole(w http.ResponseWriter, id, key, token, expires string) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write([]byte(`<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Audience>sts.amazonaws.com</Audience><Credentials><AccessKeyId>` + id + `</AccessKeyId><SecretAccessKey>` + key + `</SecretAccessKey>
<SessionToken>` + token + `</SessionToken><Expiration>` + expires + `</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`))
}

func webIdentity(file string) credential.Identity {
	return credential.Identity{AWS: &config.AWSIdentity{Region: "eu-central-1", RoleARN: role, TokenFile: file}}
}

func TestARoleIsAssumedWithThePodsToken(t *testing.T) {
	at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) {
		assumedRole(w, "ASIA1", secretKey, session, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}}
	s := source(t, at, webIdentity(tokenFile(t, "canary-token\n")), nil)
	for range 3 {
		got, err := authorized(t.Context(), s, credential.Request{Method: "POST", Host: "h", Target: "/"})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got["Authorization"], "Credential=ASIA1/") || got["X-Amz-Security-Token"] != session {
			t.Errorf("header %v", got)
		}
	}
	calls := at.made()
	if len(calls) != 1 {
		t.Fatalf("asked %d times", len(calls))
	}
	want := call{
		Method: "POST", Scheme: "https", Host: "sts.eu-central-1.amazonaws.com", Path: "/", Query: url.Values{},
		Form: url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role},
			"RoleSessionName": {"spark-gateway"}, "WebIdentityToken": {"canary-token"}},
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}
	if diff := cmp.Diff(want, calls[0]); diff != "" {
		t.Errorf("the request to STS (-want +got):\n%s", diff)
	}
}

func TestSTSIsTheRegions(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "sts.us-east-1.amazonaws.com", "us-gov-west-1": "sts.us-gov-west-1.amazonaws.com", "cn-north-1": "sts.cn-north-1.amazonaws.com.cn",
	} {
		at := &cloud{down: errDown}
		i := webIdentity(tokenFile(t, "canary"))
		i.AWS.Region = region
		wantRefused(t, source(t, at, i, nil), want+" cannot be reached: no route to host")
	}
	at := &cloud{down: errDown}
	i := webIdentity(tokenFile(t, "canary"))
	i.AWS.STSEndpoint = "https://sts.example.com/x"
	wantRefused(t, source(t, at, i, nil), "sts.example.com cannot be reached: no route to host")
	if calls := at.made(); len(calls) != 1 || calls[0].Path != "/x" {
		t.Errorf("calls %+v", calls)
	}
}

func TestARoleThatCannotBeAssumed(t *testing.T) {
	hour := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	const none = "the answer holds no token that a header could carry"
	tests := map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"it does not trust": {func(w http.ResponseWriter) {
			w.WriteHeader(403)
			_, _ = w.Write([]byte(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>
				<Message>canary</Message></Error><RequestId>r</RequestId></ErrorResponse>`))
		}, "sts.eu-central-1.amazonaws.com answered 403 (AccessDenied)"},
		"it fails in other words": {func(w http.ResponseWriter) { http.Error(w, "canary", 500) }, "sts.eu-central-1.amazonaws.com answered 500"},
		"a code that is none":     {func(w http.ResponseWriter) { http.Error(w, `{"error": "canary in words"}`, 400) }, "sts.eu-central-1.amazonaws.com answered 400"},
		"it leads elsewhere": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://evil.example.com")
			w.WriteHeader(307)
		}, "sts.eu-central-1.amazonaws.com answered 307"},
		"nothing":                     {func(http.ResponseWriter) {}, none},
		"another document":            {func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>canary</html>")) }, none},
		"XML that breaks off":         {func(w http.ResponseWriter) { _, _ = w.Write([]byte("<AssumeRoleWithWebIdentityResponse><a")) }, none},
		"no key":                      {func(w http.ResponseWriter) { assumedRole(w, "", secretKey, session, hour) }, none},
		"no session":                  {func(w http.ResponseWriter) { assumedRole(w, "ASIA", secretKey, "", hour) }, none},
		"a session of two lines":      {func(w http.ResponseWriter) { assumedRole(w, "ASIA", secretKey, "canary&#10;X-Evil: 1", hour) }, none},
		"no expiration":               {func(w http.ResponseWriter) { assumedRole(w, "ASIA", secretKey, session, "soon") }, none},
		"an answer without an end":    {func(w http.ResponseWriter) { assumedRole(w, "ASIA", secretKey, strings.Repeat("x", 1<<20), hour) }, none},
		"a key that expired long ago": {func(w http.ResponseWriter) { assumedRole(w, "ASIA", secretKey, session, "2000-01-01T00:00:00Z") }, "what was given has expired already: is the clock right?"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) { test.answer(w) }}
			wantRefused(t, source(t, at, webIdentity(tokenFile(t, "canary")), nil), test.want)
			if n := len(at.made()); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
	t.Run("no token in the pod", func(t *testing.T) {
		wantRefused(t, source(t, &cloud{}, webIdentity("/nowhere/token"), nil), "open /nowhere/token: no such file or directory")
	})
	t.Run("an empty token", func(t *testing.T) {
		wantRefused(t, source(t, &cloud{}, webIdentity(tokenFile(t, "\n")), nil), "the token's file is empty or too long")
	})
	t.Run("a token without an end", func(t *testing.T) {
		wantRefused(t, source(t, &cloud{}, webIdentity(tokenFile(t, strings.Repeat("x", 64<<10+1))), nil), "the token's file is empty or too long")
	})
}

func TestPodIdentityOfEKS(t *testing.T) {
	const uri = "http://169.254.170.23/v1/credentials"
	given := func(w http.ResponseWriter, _ call, _ int) {
		answerJSON(w, 200, map[string]string{"AccessKeyId": "ASIA2", "SecretAccessKey": secretKey, "Token": session, "AccountId": "1",
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	}
	identity := credential.Identity{AWS: &config.AWSIdentity{Region: "eu-central-1"}}
	env := map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": tokenFile(t, "canary-token\n")}
	at := &cloud{answer: given}
	got, err := authorized(t.Context(), source(t, at, identity, env), credential.Request{Method: "POST", Host: "h", Target: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got["Authorization"], "Credential=ASIA2/") || got["X-Amz-Security-Token"] != session {
		t.Errorf("header %v", got)
	}
	if calls := at.made(); len(calls) != 1 || calls[0].Host != "169.254.170.23" || calls[0].Path != "/v1/credentials" ||
		calls[0].Header.Get("Authorization") != "canary-token" {
		t.Errorf("calls %+v", calls)
	}
	with := func(name, value string) map[string]string {
		return map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": env["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
			"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"], name: value}
	}
	const none = "no identity from Amazon EKS: AWS_CONTAINER_CREDENTIALS_FULL_URI is not set to an address of the machine; " +
		"is the ServiceAccount associated with a role?"
	tests := map[string]struct {
		env    map[string]string
		answer func(http.ResponseWriter, call, int)
		want   string
	}{
		"outside of EKS":          {nil, given, none},
		"an agent elsewhere":      {with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://evil.example.com/"), given, none},
		"an agent that is no URL": {with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://%zz"), given, none},
		"no token for the agent": {with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token"), given,
			"open /nowhere/token: no such file or directory"},
		"no association": {env, func(w http.ResponseWriter, _ call, _ int) {
			answerJSON(w, 404, map[string]string{"code": "ResourceNotFoundException", "message": "canary"})
		},
			"169.254.170.23 answered 404 (ResourceNotFoundException)"},
		"an answer without keys": {env, func(w http.ResponseWriter, _ call, _ int) { answerJSON(w, 200, map[string]string{}) },
			"the answer holds no token that a header could carry"},
		"a key of two lines": {env, func(w http.ResponseWriter, _ call, _ int) {
			answerJSON(w, 200, map[string]string{"AccessKeyId": "canary\r\nX-Evil: 1", "SecretAccessKey": secretKey, "Token": session})
		}, "the answer holds no token that a header could carry"},
		"an answer without a secret": {env, func(w http.ResponseWriter, _ call, _ int) {
			answerJSON(w, 200, map[string]string{"AccessKeyId": "ASIA", "Token": session})
		}, "the answer holds no token that a header could carry"},
		"an answer that is none": {env, func(w http.ResponseWriter, _ call, _ int) { _, _ = w.Write([]byte("canary")) },
			"the answer holds no token that a header could carry"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, source(t, &cloud{answer: test.answer}, identity, test.env), test.want)
		})
	}
}

// The transport that is used outside of tests, and a server that listens.
func TestARoleIsAssumedOverTheNetwork(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("WebIdentityToken") != "canary-token" {
			w.WriteHeader(400)
			return
		}
		assumedRole(w, "ASIA3", secretKey, session, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer server.Close()
	i := webIdentity(tokenFile(t, "canary-token"))
	i.AWS.STSEndpoint = server.URL
	got, err := authorized(t.Context(), source(t, nil, i, nil), credential.Request{Method: "POST", Host: "h", Target: "/"})
	if err != nil || !strings.Contains(got["Authorization"], "Credential=ASIA3/") {
		t.Errorf("header %v, %v", got, err)
	}
}
