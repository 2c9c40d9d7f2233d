// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	webhookOf    = "SparkGateway.spec.sanitizer.webhook"
	moderationOf = "SparkGateway.spec.sanitizer.moderation"
)

// guardCases are of who else is asked about texts.
func guardCases() cases {
	found := webhookCases()
	maps.Copy(found, moderationCases())
	return found
}

// firstQuestion sees the first that a guard is asked.
func firstQuestion(b *bed) any {
	b.ask(question{})
	if all := b.questions(); len(all) > 0 {
		return all[0]
	}
	return "none"
}

func webhookCases() cases {
	to := func(path, more string) edits { return edits{webhookOf: "{url: $GUARD" + path + more + "}"} }
	directions := func(b *bed) any {
		b.ask(question{})
		var asked []string
		for _, q := range b.questions() {
			asked = append(asked, strings.Fields(q)[1])
		}
		return strings.Join(asked, " ")
	}
	overTLS := edits{webhookOf: "{url: $GUARDTLS/allow, timeout: 30s}"}
	return cases{
		webhookOf + ".url":                {with: edits{webhookOf: "{timeout: 30s}"}, from: "$GUARD/allow", to: "$GUARD/block", was: 200, is: 400, see: status(question{})},
		webhookOf + ".timeout":            {with: to("/late", ""), from: "10ms", to: "30s", was: 503, is: 200, see: status(question{})},
		webhookOf + ".onFailure=Allow":    {with: to("/fail", ""), from: "Deny", was: 503, is: 200, see: status(question{})},
		webhookOf + ".onFailure=Deny":     {with: to("/fail", ""), from: "Allow", was: 200, is: 503, see: status(question{})},
		webhookOf + ".directions=Request": {with: to("/allow", ", timeout: 30s"), from: "[Response]", to: "[Request]", was: "response", is: "request", see: directions},
		webhookOf + ".directions=Response": {with: to("/allow", ", timeout: 30s"), from: "[Request]", to: "[Response, Request]",
			was: "request", is: "request response", see: directions},
		webhookOf + ".authorizationSecretRef.name": {with: to("/allow", ""), from: "sink-1", to: "sink-2",
			was: "/allow request Bearer one", is: "/allow request Bearer two", see: firstQuestion},
		webhookOf + ".authorizationSecretRef.key": {with: to("/allow", ", authorizationSecretRef: {name: sink-1}"), to: "second",
			was: "/allow request Bearer one", is: "/allow request Bearer other", see: firstQuestion},
		webhookOf + ".caSecretRef.name": {with: overTLS, from: "ca-nobody", to: "idp", was: 503, is: 200, see: status(question{})},
		webhookOf + ".caSecretRef.key": {with: and(overTLS, edits{webhookOf + ".caSecretRef.name": "idp"}), from: "nobody.crt", to: "ca.crt", was: 503, is: 200,
			see: status(question{})},
	}
}

// moderated is a route to provider one alone, of which two is asked.
var moderated = edits{targets: justOne, moderationOf: "{target: {providerRef: {name: two}, model: gpt}, timeout: 30s}"}

func moderationCases() cases {
	violent := saying("User", "about violence/graphic scenes")
	see := becomes(violent, "violence/graphic")
	target := moderationOf + ".target"
	// two fails, or takes its time.
	failing := func(fault string) func(*bed) any {
		return func(b *bed) any {
			if err := b.two.SetScript(fakeprovider.Rule{Fault: fault}); err != nil {
				b.Fatal(err)
			}
			return b.ask(question{}).status
		}
	}
	found := modeCases(moderationOf+".mode", moderated, func(b *bed) any {
		// That a provider is asked is no refusal after an answer.
		return strings.TrimPrefix(seenText(see(b)), "its answer ")
	}, map[string]string{"Flag": "flagged: moderation", "Block": "refused: moderation"})
	directions := func(b *bed) any {
		b.ask(violent)
		return len(slices.DeleteFunc(asked(b.one), func(r fakeprovider.Record) bool { return !strings.HasSuffix(r.Path, "/chat/completions") }))
	}
	maps.Copy(found, cases{
		moderationOf + ".directions=Request":  {with: moderated, from: "[Response]", to: "[Request]", was: 1, is: 0, see: directions},
		moderationOf + ".directions=Response": {with: moderated, from: "[Request]", to: "[Response]", was: 0, is: 1, see: directions},
		moderationOf + ".onFailure=Allow":     {with: moderated, from: "Deny", was: 503, is: 200, see: failing("status:500")},
		moderationOf + ".onFailure=Deny":      {with: moderated, from: "Allow", was: 200, is: 503, see: failing("status:500")},
		moderationOf + ".timeout":             {with: moderated, from: "50ms", to: "30s", was: 503, is: 200, see: failing("latency:1s")},
		moderationOf + ".thresholds":          {with: moderated, to: `{hate: "0.5"}`, was: http.StatusBadRequest, is: http.StatusOK, see: status(violent)},
		moderationOf + ".thresholds that are low": {with: moderated, from: `{hate: "0.5"}`, to: `{hate: "0.00001"}`, was: http.StatusOK, is: http.StatusBadRequest,
			see: status(violent)},
		target + ".providerRef.name": {with: edits{targets: justOne, target: "{model: gpt}"}, from: "one", to: "two", was: "one", is: "two", see: asideOf("/moderations")},
		target + ".providerRef.namespace": {with: and(admitting, edits{targets: justOne, target: "{providerRef: {name: far}, model: gpt}"}),
			to: "other", was: "nobody serves", is: "two", see: asideOf("/moderations")},
		target + ".model": {with: edits{targets: justOne, target: "{providerRef: {name: two}}", "ProviderPolicy/two.spec.models": twoModels},
			from: "gpt", to: "mini", was: "gpt-4o", is: "gpt-4o-mini", see: asideModel("/moderations")},
	})
	return found
}

func seenText(seen any) string {
	text, _ := seen.(string)
	return text
}
