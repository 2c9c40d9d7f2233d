// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

// randomRoutes gives a document with routes of all sorts to three providers, of which each answers everything.
func randomRoutes(random *rand.Rand, endpoints [3]string, decided bool) *config.Document {
	doc := fullPolicy(endpoints[0])
	core := &doc.Core
	core.Models = nil
	for i, endpoint := range endpoints {
		p := core.Providers[0]
		p.ID, p.Name, p.Endpoint = fmt.Sprintf("default/p%d", i), fmt.Sprintf("p%d", i), "http://"+endpoint+"/v1"
		p.AnyModel = i == 2 && random.IntN(2) == 0
		if core.Providers = append(core.Providers, p); p.AnyModel {
			continue
		}
		for _, name := range []string{p.Name + "/m", fmt.Sprintf("m%d", i)} {
			core.Models = append(core.Models, config.Model{Name: name, Provider: p.ID, Upstream: fmt.Sprintf("up%d", i)})
		}
	}
	core.Providers = core.Providers[1:]
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	for i := range random.IntN(6) {
		r := config.Route{ID: fmt.Sprintf("default/r%d", i), Models: []string{pick("x", "y", "x*", "*", "m0", "p0/m", "*1")}, Strategy: config.LowestCost}
		if !decided {
			r.Strategy = config.Strategies[random.IntN(len(config.Strategies))]
		}
		if random.IntN(2) == 0 {
			r.Headers = []config.Header{{Name: "X-A", Value: pick("1", "2")}}
		}
		if r.Strategy == config.Weighted {
			r.Affinity = pick("", "User", "Key", "Header:X-A")
		}
		for t := range random.IntN(4) {
			target := config.Target{
				Provider: fmt.Sprintf("default/p%d", t%2), Model: fmt.Sprintf("t%d", t), Upstream: fmt.Sprintf("t%d", t), Weight: 1 + random.Int64N(9),
				Price: &config.Price{Input: random.Int64N(1e9), Output: 1}, MaxOutputTokens: []int64{0, 0, 5}[random.IntN(3)],
			}
			if len(r.Targets) > 0 {
				target.Tier = r.Targets[len(r.Targets)-1].Tier + random.Int64N(2)
			}
			r.Targets = append(r.Targets, target)
		}
		core.Routes = append(core.Routes, r)
	}
	return doc
}

// logged is what the access log says of a request.
type logged struct {
	Route, Provider, Target, Reason string
	Upstream                        string `json:"upstreamModel"`
	Status                          int
}

// The first target that can do it is where a request goes; with strategies that leave something to chance, it is one of
// those where requests go.
func TestExplainForetellsWhereARequestGoes(t *testing.T) {
	var endpoints [3]string
	for i := range endpoints {
		endpoints[i] = cannedProvider(t, wholeAnswer(10))
	}
	random := rand.New(rand.NewPCG(11, 12))
	served, refused, chosen := 0, 0, 0
	for i := range 40 {
		decided := i%2 == 0
		s := serve(t, randomRoutes(random, endpoints, decided))
		pick := func(of ...string) string { return of[random.IntN(len(of))] }
		for range 8 {
			body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"x"}],"max_tokens":%d}`,
				pick("x", "y", "xz", "m0", "m1", "p0/m", "p2/z", "none"), 1+random.IntN(10))
			a := pick("0", "1", "2")
			told, err := s.Explain(config.ExplainRequest{
				Body:    []byte(body),
				Headers: []config.Header{{Name: "X-A", Value: a}, {Name: "Authorization", Value: "Bearer " + benchKey}},
			})
			if err != nil {
				t.Fatal(err)
			}
			tries := 1
			if !decided {
				tries = 40
			}
			var went []logged
			for range tries {
				went = append(went, s.request(a, body))
			}
			switch {
			case len(told.Refusals) > 0:
				refused++
				for _, w := range went {
					if w.Status != told.Refusals[0].Status || w.Reason != told.Refusals[0].Reason {
						t.Fatalf("told %+v, but %+v", told.Refusals, w)
					}
				}
			default:
				first := slices.IndexFunc(told.Targets, func(t config.ExplainedTarget) bool { return t.Standing == config.TargetReady })
				want := told.Targets[first]
				if want.Chance < 1 {
					chosen++
				}
				served++
				if !slices.ContainsFunc(went, func(w logged) bool {
					return w.Provider == want.Provider && w.Upstream == want.Upstream && w.Route == told.Route.ID && w.Status == 200
				}) {
					t.Fatalf("%s with %s of %+v: told %q, but %+v", body, a, s.snapshot.Load().routes.Routes(), recount(told), went)
				}
			}
		}
		s.stop()
	}
	if served < 150 || refused < 50 || chosen < 5 {
		t.Errorf("only %d were served, %d refused and %d chosen by chance", served, refused, chosen)
	}
}

// request sends a chat and gives its line of the access log.
func (s *served) request(a, body string) (line logged) {
	s.t.Helper()
	before := len(s.log.String())
	s.send(fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %s\r\nX-A: %s\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", benchKey, a, len(body), body))
	within(s.t, "the line of the access log", func() bool {
		s.accessLog.Flush()
		return strings.HasSuffix(s.log.String()[before:], "\n")
	})
	if err := json.Unmarshal([]byte(s.log.String()[before:]), &line); err != nil {
		s.t.Fatal(err)
	}
	return line
}

func BenchmarkExplain(b *testing.B) {
	s := NewServer(Options{})
	if err := s.Apply(explained()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Shutdown(b.Context()) })
	q := ask("shared")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Explain(q); err != nil {
			b.Fatal(err)
		}
	}
}
