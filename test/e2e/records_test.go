// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/ledger"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// record is what is looked at of a usage record.
type record struct {
	ID, Key, Model, Source, Outcome, Provider string
	Status                                    int
	TokensIn, TokensOut                       int64
	Cost                                      ledger.Dollars
	Policies                                  []string
}

// exported asks gateways for their records under a key, by a query, and gives them with the answers' scope.
func (l *loader) exported(apiKey, query string, targets ...string) (records []record, scope string) {
	l.s.Helper()
	for _, target := range targets {
		a := l.ask(load.Question{
			Method: http.MethodGet, URL: target + "/api/export" + query, Headers: map[string]string{"Authorization": "Bearer " + apiKey},
		})[0]
		if a.Status != http.StatusOK || a.Error != "" {
			l.s.Fatalf("%s exports %d %.300s %s", target, a.Status, a.Body, a.Error)
		}
		scope = a.Headers.Get("X-Spark-Export-Scope")
		for line := range strings.Lines(a.Body) {
			var r record
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				l.s.Fatalf("%v in %q", err, line)
			}
			records = append(records, r)
		}
	}
	return records, scope
}

// tallied sums up records as the provider's books do, and says what is not as it must be: two of one request, or one of
// another key.
func (s *space) tallied(records []record, keys ...string) (b bill, refused int64, wrong string) {
	s.Helper()
	seen, ours := map[string]bool{}, map[string]bool{}
	for _, name := range keys {
		ours[s.name+"/"+name] = true
	}
	for _, r := range records {
		switch {
		case seen[r.ID]:
			wrong = "two records of request " + r.ID
		case len(keys) > 0 && !ours[r.Key]:
			wrong = "a record of " + r.Key
		case r.Status == http.StatusOK && (r.Source != "reported" || r.Provider != s.name+"/openai"):
			wrong = fmt.Sprintf("%+v", r)
		}
		seen[r.ID] = true
		if r.Status != http.StatusOK {
			refused++
			continue
		}
		b.requests++
		b.tokens += r.TokensIn + r.TokensOut
		b.cost += config.Money(r.Cost)
	}
	return b, refused, wrong
}

func (l *loader) leavesRecords() {
	l.s.Helper()
	pods, books := l.s.addresses("main"), l.s.billed("spender")
	ran := int64(len(pods) * budgetEach)
	eventually(l.s, 5*time.Second, func() string {
		records, scope := l.exported(l.s.apiKey("spender"), "", pods...)
		b, refused, wrong := l.s.tallied(records, "spender")
		if wrong != "" || b != books || b.requests+refused != ran || scope != "pod" {
			return fmt.Sprintf("the key's own records, of scope %q: %s, and %d refused of %d; the provider's books: %s; %s", scope, b, refused, ran, books, wrong)
		}
		return ""
	})
	all, _ := l.exported(l.s.apiKey("auditor"), "", pods...)
	keys := map[string]int{}
	for _, r := range all {
		keys[strings.TrimPrefix(r.Key, l.s.name+"/")]++
	}
	if _, _, wrong := l.s.tallied(all); wrong != "" || int64(keys["spender"]) != ran || keys["counted"] == 0 || keys["mate"] == 0 || keys["slow"] == 0 {
		l.s.Errorf("a master key reads records of %v: %s", keys, wrong)
	}
	l.readsCSV(pods[0])
	l.sumsUp(books, keys)
	l.s.Logf("records, one a request: the key reads %d of its own, which are the provider's books: %s; a master key reads %v", ran, books, keys)
}

// readsCSV asks for records as a table.
func (l *loader) readsCSV(pod string) {
	l.s.Helper()
	a := l.ask(load.Question{
		Method: http.MethodGet, URL: pod + "/api/export?format=csv", Headers: map[string]string{"Authorization": "Bearer " + l.s.apiKey("auditor")},
	})[0]
	rows, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	if err != nil || len(rows) < 2 || rows[0][0] != "id" || !strings.HasPrefix(a.Headers.Get("Content-Type"), "text/csv") {
		l.s.Errorf("as CSV: %v, %d rows, %v", err, len(rows), a.Headers)
	}
}

// sumsUp has kubectl spark usage ask all pods.
func (l *loader) sumsUp(books bill, keys map[string]int) {
	l.s.Helper()
	plugin := l.s.plugin()
	usage := func(args ...string) string {
		return must[string](l.s)(plugin(append([]string{"usage", "--gateway", "main"}, args...)...))
	}
	var said struct {
		Sums []struct {
			Name                string
			Requests            int64
			TokensIn, TokensOut int64
			Cost                ledger.Dollars
		}
	}
	if err := json.Unmarshal([]byte(usage("-o", "json")), &said); err != nil {
		l.s.Fatal(err)
	}
	found := false
	for _, sum := range said.Sums {
		name := strings.TrimPrefix(sum.Name, l.s.name+"/")
		if keys[name] != int(sum.Requests) {
			l.s.Errorf("kubectl spark usage counts %d requests of %s, the export %d", sum.Requests, name, keys[name])
		}
		if name == "spender" {
			found = sum.TokensIn+sum.TokensOut == books.tokens && config.Money(sum.Cost) == books.cost
		}
	}
	if !found {
		l.s.Errorf("kubectl spark usage: %+v; the provider's books: %s", said.Sums, books)
	}
	l.s.Logf("kubectl spark usage --gateway main\n%s", usage())
}
