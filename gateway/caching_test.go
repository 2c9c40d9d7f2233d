// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/cache"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// askedOf is all of a request that its key depends on.
type askedOf struct {
	kind               exchange.PrincipalKind
	id, user, policies string
	digest             byte
	path               string // says the operation, the dialect and the model of Gemini's
	model, alt, beta   string
	apart              string // X-Spark-Cache-Key
	only               uint32
	body               string
	form               int // of the body: how it is written
}

// writtenBodies are bodies, each in several forms that mean the same.
var writtenBodies = map[string][]string{
	"one":  {`{"a":1,"b":["x",2]}`, "{ \"b\" : [\"x\",2],\n\"a\":1}", `{"a":1,"b":["\u0078",2]}`},
	"two":  {`{"a":1,"b":[2,"x"]}`, `{"b":[2, "x"], "a":1}`, `{"\u0061":1,"b":[2,"x"]}`},
	"ones": {`{"a":"1","b":["x",2]}`, `{"b":["x",2],"a":"1"}`, `{"a":"\u0031","b":["x",2]}`},
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func drawAsked(r *rand.Rand) askedOf {
	return askedOf{
		kind: pick(r, exchange.ByKey, exchange.ByToken, exchange.ByAddress), id: pick(r, "default/a", "default/b"), user: pick(r, "", "ann", "bob"),
		policies: pick(r, "", "p", "p,q", "pq"), digest: byte(r.IntN(2)),
		path: pick(r, "/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses", "/v1/rerank", "/v2/rerank",
			"/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent"),
		model: pick(r, "m", "n"), alt: pick(r, "", "sse"), beta: pick(r, "", "x", "x,y"), apart: pick(r, "", "1"), only: pick(r, uint32(0), 1, 2),
		body: pick(r, "one", "two", "ones"), form: r.IntN(3),
	}
}

// change draws one of the fields anew.
func (a askedOf) change(r *rand.Rand) askedOf {
	from, to := drawAsked(r), a
	i := r.IntN(reflect.TypeOf(a).NumField())
	for _, set := range []func(){
		func() { to.kind = from.kind }, func() { to.id = from.id }, func() { to.user = from.user }, func() { to.policies = from.policies },
		func() { to.digest = from.digest }, func() { to.path = from.path }, func() { to.model = from.model }, func() { to.alt = from.alt },
		func() { to.beta = from.beta }, func() { to.apart = from.apart }, func() { to.only = from.only }, func() { to.body = from.body },
		func() { to.form = from.form },
	}[i : i+1] {
		set()
	}
	return to
}

// key gives the key of the request at a scope.
func (a askedOf) key(t *testing.T, scope config.CacheScope) cache.Key {
	t.Helper()
	r := &request{ctx: &fasthttp.RequestCtx{}}
	uri := a.path
	if a.alt != "" {
		uri += "?alt=" + a.alt
	}
	r.ctx.Request.Header.SetMethod("POST")
	r.ctx.Request.SetRequestURI(uri)
	for _, name := range []string{"Openai-Beta", "Anthropic-Beta"} {
		if a.beta != "" {
			r.ctx.Request.Header.Set(name, a.beta)
		}
	}
	if a.apart != "" {
		r.ctx.Request.Header.Set("X-Spark-Cache-Key", a.apart)
	}
	r.ex.Path, r.ex.Model = r.ctx.Path(), []byte(a.model)
	r.locate()
	r.ex.Principal = &exchange.Principal{Kind: a.kind, ID: a.id, User: a.user}
	r.limits.holding = &holding{policies: strings.FieldsFunc(a.policies, func(c rune) bool { return c == ',' })}
	k := &keeping{exact: &config.ExactCache{Kept: config.Kept{Scope: scope}}}
	k.policy[0] = a.digest
	r.caching.keeping = k
	req := proxy.Request{Operation: r.endpoint.operation, Dialect: r.dialect, Body: []byte(writtenBodies[a.body][a.form]), Only: a.only}
	if !r.setKey(&req) {
		t.Fatalf("no key of %+v", a)
	}
	return r.caching.key
}

// meant gives what a key must be as fine as, and no finer than.
func (a askedOf) meant(scope config.CacheScope) string {
	who := fmt.Sprintf("key %d %q %q", a.kind, a.id, a.user)
	switch {
	case scope == config.CacheGateway:
		who = "all"
	case scope == config.CachePolicy && a.policies != "":
		who = "policies " + a.policies
	case scope == config.CacheUser && a.user != "":
		who = "user " + a.user
	}
	if strings.HasPrefix(a.path, "/v1beta") {
		a.beta = "" // Gemini has none.
	}
	return fmt.Sprintf("%s, %d %q %q %q %q %q %d %q", who, a.digest, a.path, a.model, a.alt, a.beta, a.apart, a.only, a.body)
}

func TestTwoRequestsHaveOneKeyOnlyWhereOneAnswerIsForBoth(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alike := 0
	for range 6000 {
		scope := pick(random, config.CacheScopes...)
		a := drawAsked(random)
		b := a
		for range random.IntN(3) {
			b = b.change(random)
		}
		same := a.key(t, scope) == b.key(t, scope)
		if want := a.meant(scope) == b.meant(scope); same != want {
			t.Fatalf("scope %s: one key: %t, want %t\n%+v\n%+v", scope, same, want, a, b)
		}
		if same {
			alike++
		}
	}
	if alike < 500 || alike > 5500 {
		t.Errorf("%d of 6000 pairs were alike: this shows little", alike)
	}
}

func TestABodyThatTwoMayReadDifferentlyHasNoKey(t *testing.T) {
	for _, body := range []string{`{"a":1,"a":2}`, `{"a":1} {}`, `{"a":`, "\xff"} {
		r := &request{ctx: &fasthttp.RequestCtx{}, endpoint: endpoints["/v1/chat/completions"]}
		r.ex.Principal = &exchange.Principal{ID: "default/a"}
		r.caching.keeping = &keeping{exact: &config.ExactCache{Kept: config.Kept{Scope: config.CacheKey}}}
		if r.setKey(&proxy.Request{Operation: exchange.Chat, Body: []byte(body)}) {
			t.Errorf("%q has a key", body)
		}
	}
}

func TestTheKeyOfARequestTakesNoMemoryInTheLongRun(t *testing.T) {
	r := &request{ctx: &fasthttp.RequestCtx{}, endpoint: endpoints["/v1/chat/completions"]}
	r.ex.Principal = &exchange.Principal{ID: "default/a"}
	r.caching.keeping = &keeping{exact: &config.ExactCache{Kept: config.Kept{Scope: config.CacheKey}}}
	req := proxy.Request{Operation: exchange.Chat, Body: []byte(writtenBodies["one"][0])}
	if n := testing.AllocsPerRun(100, func() { r.setKey(&req) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
