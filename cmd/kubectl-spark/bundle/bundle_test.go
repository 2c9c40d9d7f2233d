// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/bundle/bundletest"
)

func TestObjectsKeepTheirShapeAndLoseTheirSecrets(t *testing.T) {
	for name, tt := range map[string]struct{ given, want string }{
		"managed fields go":       {`{"metadata":{"name":"a","managedFields":[{"x":"canary"}]}}`, `{"metadata":{"name":"a"}}`},
		"annotations":             {`{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"canary"}}}`, `{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"[redacted]"}}}`},
		"labels stay":             {`{"metadata":{"labels":{"team":"search"}}}`, `{"metadata":{"labels":{"team":"search"}}}`},
		"headers to set":          {`{"spec":{"headers":{"set":{"X-Key":"canary"},"remove":["canary"]}}}`, `{"spec":{"headers":{"set":{"X-Key":"[redacted]"},"remove":["[redacted]"]}}}`},
		"headers in a list":       {`{"spec":{"match":{"headers":[{"name":"x-tier","value":"canary"}]}}}`, `{"spec":{"match":{"headers":[{"name":"x-tier","value":"[redacted]"}]}}}`},
		"headers of a probe":      {`{"httpGet":{"httpHeaders":[{"name":"A","value":"canary"}]}}`, `{"httpGet":{"httpHeaders":[{"name":"A","value":"[redacted]"}]}}`},
		"the environment":         {`{"env":[{"name":"A","value":"canary"},{"name":"B","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]}`, `{"env":[{"name":"A","value":"[redacted]"},{"name":"B","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]}`},
		"arguments":               {`{"args":["--token=canary","--verbose","canary"],"command":["/bin/canary"]}`, `{"args":["--token=[redacted]","--verbose","[redacted]"],"command":["[redacted]"]}`},
		"references to Secrets":   {`{"spec":{"credentials":{"secretRef":{"name":"openai","key":"apiKey"}}}}`, `{"spec":{"credentials":{"secretRef":{"name":"openai","key":"apiKey"}}}}`},
		"an endpoint keeps paths": {`{"endpoint":"https://me:canary@llm.example.com/v1?key=canary#canary"}`, `{"endpoint":"https://llm.example.com/v1[redacted]"}`},
		"other URLs do not":       {`{"webhook":{"url":"https://hooks.example.com/T0/canary"}}`, `{"webhook":{"url":"https://hooks.example.com[redacted]"}}`},
		"a URL without secrets":   {`{"url":"http://main.team.svc:8080"}`, `{"url":"http://main.team.svc:8080"}`},
		"a URL that is none":      {`{"url":"http://%zz"}`, `{"url":"[redacted]"}`},
		"values of a Secret":      {`{"data":{"a":"canary"},"stringData":{"b":"canary"}}`, `{"data":{"a":"[redacted]"},"stringData":{"b":"[redacted]"}}`},
		"a key's prefix":          {`{"status":{"prefix":"spark-canary","previous":{"prefix":"spark-canary"}}}`, `{"status":{"prefix":"[redacted]","previous":{"prefix":"[redacted]"}}}`},
		"attributes of volumes":   {`{"csi":{"volumeAttributes":{"pass":"canary"}}}`, `{"csi":{"volumeAttributes":{"pass":"[redacted]"}}}`},
		"lists within lists":      {`{"a":[[{"password":"canary"}],"Bearer canary",7,null,true]}`, `{"a":[[{"password":"[redacted]"}],"Bearer [redacted]",7,null,true]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := map[string]any{}, map[string]any{}
			if err := errors.Join(json.Unmarshal([]byte(tt.given), &got), json.Unmarshal([]byte(tt.want), &want)); err != nil {
				t.Fatal(err)
			}
			Object(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTextsLoseWhatLooksLikeASecret(t *testing.T) {
	for given, want := range map[string]string{
		"key spark-0123456789abcdefghijABCDEFGHIJ0123456789abcdefghi.":          "key [redacted].",
		"pod spark-operator-7d9f8b6c5-abcde restarted":                          "pod spark-operator-7d9f8b6c5-abcde restarted",
		`Authorization: Bearer abc.def, next`:                                   `Authorization: [redacted]`,
		`{"authorization":"Basic Zm9vOmJhcg=="}`:                                `{"authorization":"[redacted]"}`,
		"sk-proj-abcdefghijklmnop and AIzaSyabcdefghijklmnopqrstuv":             "[redacted] and [redacted]",
		"AKIAABCDEFGHIJKLMNOP":                                                  "[redacted]",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln":                             "[redacted]",
		"dial redis://user:hunter2@redis:6379":                                  "dial redis://[redacted]@redis:6379",
		"password=hunter2 ok":                                                   "password=[redacted] ok",
		`api_key: "abc"`:                                                        `api_key: "[redacted]"`,
		"-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nafter":    "[redacted]\nafter",
		"Authorization: Token canary\nnext":                                     "Authorization: [redacted]\nnext",
		"Proxy-Authorization: AWS4-HMAC-SHA256 Credential=x, Signature=canary":  "Proxy-Authorization: [redacted]",
		"Set-Cookie: a=b; session=canary":                                       "Set-Cookie: [redacted]",
		"OPENAI_API_KEY=canary AWS_SECRET_ACCESS_KEY=canary/+":                  "OPENAI_API_KEY=[redacted] AWS_SECRET_ACCESS_KEY=[redacted]",
		`{"clientSecret":"can ary, more","access_token":"can\"ary"}`:            `{"clientSecret":"[redacted]","access_token":"[redacted]"}`,
		`{"msg":"{\"password\":\"can ary\",\"user\":\"me\"}"}`:                  `{"msg":"{\"password\":\"[redacted]\",\"user\":\"me\"}"}`,
		"password='can ary' password=can,ary;more":                              "password='[redacted]' password=[redacted]",
		"dial redis://user:can@ary@redis:6379":                                  "dial redis://[redacted]@redis:6379",
		`Get "https://llm.example.com/v1?key=canary&alt=sse": dial`:             `Get "https://llm.example.com/v1?key=[redacted]&alt=[redacted]": dial`,
		"github_pat_11ABCDEFG0abcdefghij and gho_abcdefghijklmnop":              "[redacted] and [redacted]",
		"automountServiceAccountToken: false":                                   "automountServiceAccountToken: false",
		`{"maxTokens":100,"outputTokens": 5}`:                                   `{"maxTokens":100,"outputTokens": 5}`,
		"-----BEGIN PRIVATE KEY-----\nabc that breaks off":                      "[redacted]",
		`spark_tokens_total{type="prompt"} 5`:                                   `spark_tokens_total{type="prompt"} 5`,
		"spec.credentials.secretRef: Secret team/openai-key does not exist":     "spec.credentials.secretRef: Secret team/openai-key does not exist",
		"credentials:\n  secretRef:\n    key: apiKey\n    name: openai-api-key": "credentials:\n  secretRef:\n    key: apiKey\n    name: openai-api-key",
	} {
		if got := Text(given); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}

func TestArchivesSayWhatTheyHold(t *testing.T) {
	var out bytes.Buffer
	a := New(&out, time.Unix(1, 0))
	err := errors.Join(
		a.Add("a.txt", "token=canary"), a.AddJSON("b.json", map[string]string{"x": "Bearer canary"}),
		a.AddObjects("c.yaml", []any{map[string]any{"kind": "A"}, map[string]any{"data": "canary"}}), a.Add("d.txt", strings.Repeat("x", MaxFile+1)),
	)
	a.Miss("the metrics of pod main-a", errors.New("no\nroute, Bearer canary"))
	if err := errors.Join(err, a.Close("Spark dev\n")); err != nil {
		t.Fatal(err)
	}
	got := bundletest.Unpack(t, &out)
	if n := len(got["spark-support/d.txt"]); n != MaxFile+len("\n[cut off]\n") {
		t.Errorf("a file of %d bytes", n)
	}
	delete(got, "spark-support/d.txt")
	want := map[string]string{
		"spark-support/a.txt": "token=[redacted]", "spark-support/b.json": "{\n  \"x\": \"Bearer [redacted]\"\n}\n",
		"spark-support/c.yaml":    "---\nkind: A\n---\ndata: '[redacted]'\n",
		"spark-support/about.txt": "Spark dev\n\nFiles:\n  a.txt\n  b.json\n  c.yaml\n  d.txt\n\nMissing:\n  the metrics of pod main-a: no route, Bearer [redacted]\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// A key that the end of a file cuts in two no longer looks like one.
	whole := strings.Repeat("x", MaxFile-10) + "\nspark-" + strings.Repeat("K", 49)
	out.Reset()
	a = New(&out, time.Unix(1, 0))
	if err := errors.Join(a.Add("long.txt", whole), a.Close("")); err != nil {
		t.Fatal(err)
	}
	if long := bundletest.Unpack(t, &out)["spark-support/long.txt"]; !strings.HasSuffix(long, "x\n[cut off]\n") {
		t.Errorf("it ends with %q", long[len(long)-40:])
	}
	if err := a.AddJSON("x", func() {}); err == nil {
		t.Error("what cannot be written")
	}
	if err := a.AddObjects("x", []any{7}); err == nil {
		t.Error("what is no object")
	}
}
