// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
)

const (
	issuer = "SparkGateway.spec.auth.jwt[]"
	nobody = "SparkGateway.spec.auth.anonymous"
)

// trusting takes tokens of the issuer.
var trusting = edits{issuer: "{issuer: $IDP/a, audiences: [spark]}"}

// Those who ask without a key: with a good token, or with nothing at all.
var (
	bearer   = question{method: http.MethodGet, path: "/v1/models", as: "token"}
	stranger = question{method: http.MethodGet, path: "/v1/models", as: "nobody"}
)

// accessCases are of who may use a gateway, and for what.
func accessCases() cases {
	found := cases{
		nobody + ".enabled": {from: "false", to: "true", was: 401, is: 200, see: status(stranger)},
		"SparkGateway.spec.auth.trustedProxies": {with: edits{"SparkGateway.spec.limits.perIP.requests": "[{count: 1, per: 1h}]"},
			to: "[127.0.0.0/8]", was: 1, is: 3, see: fromAfar},
		"APIKey.spec.expiresAt": {from: `"2999-01-01T00:00:00Z"`, to: `"2020-01-01T00:00:00Z"`, was: 200, is: 401, see: status(list)},
		"APIKey.spec.disabled":  {to: "true", was: 200, is: 401, see: status(list)},
		"APIKey.spec.rotation.every": {with: edits{"APIKey.spec.secretRef": ""}, from: "720h", to: "1h", was: 200, is: 401,
			see: aged(2*time.Hour, 48*time.Hour)},
		"APIKey.spec.rotation.overlap": {with: edits{"APIKey.spec.secretRef": "", "APIKey.spec.rotation.every": "720h"}, from: "1h", to: "720h",
			was: 401, is: 200, see: aged(721*time.Hour, 2*time.Hour)},
	}
	maps.Copy(found, issuerCases())
	for at, who := range map[string]struct {
		as   string
		with edits
	}{
		"APIKey.spec.allow": {}, issuer + ".allow": {"token", trusting}, nobody + ".allow": {"nobody", edits{nobody + ".enabled": "true"}},
	} {
		maps.Copy(found, allowCases(at, who.as, who.with))
	}
	return found
}

// endpoints ask for something of each.
var endpoints = map[string]question{
	"Audio":       {path: "/v1/audio/speech", body: `{"model":"one/gpt","input":"hello","voice":"a"}`},
	"Batches":     {method: http.MethodGet, path: "/v1/batches"},
	"Chat":        {},
	"Completions": {path: "/v1/completions", body: `{"model":"one/gpt","prompt":"hello"}`},
	"Embeddings":  {path: "/v1/embeddings", body: `{"model":"one/gpt","input":"hello"}`},
	"Files":       {method: http.MethodGet, path: "/v1/files"},
	"Images":      {path: "/v1/images/generations", body: `{"model":"one/gpt","prompt":"a cat"}`},
	"Moderations": {path: "/v1/moderations", body: `{"model":"one/gpt","input":"hello"}`},
	"Realtime":    {method: http.MethodGet, path: "/v1/realtime?model=one/gpt"},
	"Rerank":      {path: "/v1/rerank", body: `{"model":"one/gpt","query":"a","documents":["b"]}`},
}

// allowCases are of an Allow, which bounds whoever asks as is said.
func allowCases(at, as string, with edits) cases {
	asking := func(q question) question { q.as = as; return q }
	found := cases{
		at + ".models": {with: with, from: "[other]", to: `["sma*"]`, was: 404, is: 200, see: status(asking(question{}))},
		at + ".cidrs":  {with: with, from: "[10.0.0.0/8]", to: "[127.0.0.0/8]", was: 403, is: 200, see: status(asking(list))},
	}
	for endpoint, q := range endpoints {
		other := "[Chat]"
		if endpoint == "Chat" {
			other = "[Files]"
		}
		found[at+".endpoints="+endpoint] = fieldCase{with: with, from: other, to: "[" + endpoint + "]", was: true, is: false, see: func(b *bed) any {
			return b.ask(asking(q)).header.Get("X-Spark-Reason") == "endpoint_not_allowed"
		}}
	}
	return found
}

// fromAfar sees how many of three clients are served that stand behind one proxy.
func fromAfar(b *bed) any {
	good := 0
	for _, client := range []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"} {
		q := list
		q.header = map[string]string{"X-Forwarded-For": client}
		if b.ask(q).status == http.StatusOK {
			good++
		}
	}
	return good
}

// aged sees whether a key that was generated some time ago is accepted a while after the operator last looked at it.
func aged(generated, after time.Duration) func(*bed) any {
	return func(b *bed) any {
		now := time.Now()
		var key *v1alpha1.APIKey
		for i := range b.input.Keys {
			if b.input.Keys[i].Name == "alice" {
				key = &b.input.Keys[i]
			}
		}
		duration := func(d v1alpha1.Duration) time.Duration { parsed, _ := time.ParseDuration(string(d)); return parsed }
		life := issue.Life{Now: now, Generated: now.Add(-generated), Every: duration(key.Spec.Rotation.Every)}
		if said := key.Spec.Rotation.Overlap; said != "" {
			overlap := duration(said)
			life.Overlap = &overlap
		}
		secret := render.KeySecret(key, func() string { return aliceKey + "1" }, life.Generated)
		if step := life.Next(); step.Rotate {
			secret = render.RotatedKeySecret(secret, key, func() string { return aliceKey + "new" }, now, step.PreviousUntil)
		}
		b.input.Secrets[types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name}] = secret
		b.compile(b.input)
		b.pass(after)
		return b.ask(list).status
	}
}

// issuerCases are of whose tokens are taken, and what is read in them.
func issuerCases() cases {
	with := func(changes edits) edits { return and(trusting, changes) }
	of := func(name string) string { return issuer + "." + name }
	showing := func(claims map[string]any) func(*bed) any {
		return func(b *bed) any {
			return b.ask(question{method: http.MethodGet, path: "/v1/models", as: "token", claims: claims}).status
		}
	}
	secured := edits{issuer: "{issuer: $IDPTLS/a, audiences: [spark]}"}
	overTLS := func(b *bed) any {
		return b.ask(question{method: http.MethodGet, path: "/v1/models", as: "token", claims: map[string]any{"iss": b.idp.overTLS + "/a"}}).status
	}
	return cases{
		of("issuer"):    {with: edits{of("audiences"): "[spark]"}, from: "$IDP/b", to: "$IDP/a", was: 401, is: 200, see: status(bearer)},
		of("audiences"): {with: edits{of("issuer"): "$IDP/a"}, from: "[another]", to: "[another, spark]", was: 401, is: 200, see: status(bearer)},
		of("jwksURI"):   {with: with(nil), from: "$IDP/strange-keys", to: "$IDP/keys", was: 401, is: 200, see: status(bearer)},
		of("userClaim"): {with: with(nil), to: "email", was: "alice", is: "alice@example.com", see: func(b *bed) any {
			b.ask(bearer)
			within(patience, func() bool { return strings.Contains(b.log.String(), "\n") })
			var line struct{ User string }
			if err := json.Unmarshal([]byte(b.log.String()), &line); err != nil {
				b.Fatal(err)
			}
			return line.User
		}},
		of("claims"): {with: with(and(oneRequest, edits{"UsagePolicy.spec.keySelector": "{matchLabels: {squad: search}}"})), to: "{squad: groups}",
			was: 3, is: 1, see: served(3, question{as: "token"})},
		of("clockSkew"): {with: with(nil), to: "10m", was: 401, is: 200,
			see: showing(map[string]any{"exp": time.Now().Add(-3 * time.Minute).Unix()})},
		of("caSecretRef.name"): {with: secured, from: "ca-nobody", to: "idp", was: 503, is: 200, see: overTLS},
		of("caSecretRef.key"):  {with: and(secured, edits{of("caSecretRef.name"): "idp"}), from: "nobody.crt", to: "ca.crt", was: 503, is: 200, see: overTLS},
	}
}
