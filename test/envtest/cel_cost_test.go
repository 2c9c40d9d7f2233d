// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// wide gives n different strings of the greatest length.
func wide(n, length int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s%03d", repeat(length-3), i))
	}
	return all
}

// The cost of rules is estimated when a CRD is installed and counted when an object is judged; the largest must pass too.
func TestRoutesAsLargeAsMayBeAreWithinTheBudgetOfRules(t *testing.T) {
	namespace := newNamespace(t)
	var models, headers, targets []any
	for _, name := range wide(64, 256) {
		models = append(models, name)
	}
	for _, name := range wide(8, 64) {
		headers = append(headers, map[string]any{"name": name, "value": repeat(1024)})
	}
	for _, name := range wide(16, 253) {
		targets = append(targets, map[string]any{"model": repeat(256), "weight": 1000000, "tier": 15,
			"providerRef": map[string]any{"name": name, "namespace": repeat(63)}})
	}
	largest := change{
		"spec.gatewayRefs": largestRefs(), "spec.models": models, "spec.match.headers": headers, "spec.targets": targets,
		"spec.strategy": "Weighted", "spec.affinity": "Header:" + repeat(64), "spec.sanitizer": largestContent(),
	}
	server, offline := judgements(t, "ModelRoute", namespace, object(t, "ModelRoute", namespace, largest))
	if server != nil || offline != nil {
		t.Errorf("refused: the API server says %v, package manifest says %v", server, offline)
	}
	largest["spec.targets[0].weight"], largest["spec.strategy"] = 0, "LowestCost"
	if server, offline = judgements(t, "ModelRoute", namespace, object(t, "ModelRoute", namespace, largest)); server == nil || offline == nil {
		t.Error("the rules are not tried on a route of that size")
	}
}

func largestRefs() []any {
	var refs []any
	for _, name := range wide(16, 253) {
		refs = append(refs, map[string]any{"name": name, "namespace": repeat(63)})
	}
	return refs
}

// largestLimits have lists as long as may be.
func largestLimits() map[string]any {
	var requests, tokens, cost []any
	for i := range 8 {
		per := fmt.Sprintf("00000h00000m00001s0000%dms", i)
		requests = append(requests, map[string]any{"count": 1000000000, "burst": 1000000000, "per": per})
		tokens = append(tokens, map[string]any{"count": 1000000000000, "per": per})
		cost = append(cost, map[string]any{"amount": "999999.999999", "per": per})
	}
	return map[string]any{"mode": "Enforce", "requests": requests, "tokens": tokens, "cost": cost, "concurrency": 1000000}
}

func largestBudgets() []any {
	var all []any
	for _, per := range []string{"Day", "Week", "Month", "Total"} {
		all = append(all, map[string]any{"amount": "999999.999999", "per": per, "mode": "Enforce"})
	}
	return all
}

func largestCIDRs() []any {
	var all []any
	for i := range 64 {
		all = append(all, fmt.Sprintf("2001:0db8:0000:0000:0000:0000:0000:%04x/128", i))
	}
	return all
}

func largestAllow() map[string]any {
	var models []any
	for _, name := range wide(64, 252) {
		models = append(models, "*"+name[:84]+"*"+name[84:]+"**")
	}
	return map[string]any{"models": models, "cidrs": largestCIDRs(),
		"endpoints": []any{"Audio", "Batches", "Chat", "Completions", "Embeddings", "Files", "Images", "Moderations", "Realtime", "Rerank"}}
}

func largestIssuers() []any {
	var all []any
	for i, name := range wide(8, 503) {
		claims := map[string]any{}
		for _, label := range wide(16, 63) {
			claims[repeat(253)+"/"+label] = repeat(128)
		}
		var audiences []any
		for _, audience := range wide(16, 512) {
			audiences = append(audiences, audience)
		}
		all = append(all, map[string]any{"issuer": "https://" + name, "jwksURI": fmt.Sprintf("https://%d%s", i, repeat(503)), "audiences": audiences, "claims": claims,
			"userClaim": repeat(128), "clockSkew": "00000h00001m00001s00001ms", "allow": largestAllow(), "caSecretRef": map[string]any{"name": repeat(253), "key": repeat(253)}})
	}
	return all
}

// largestContent is what a sanitizer looks for, as much as may be.
func largestContent() map[string]any {
	var patterns, hosts []any
	for _, name := range wide(64, 63) {
		patterns = append(patterns, map[string]any{"name": name, "regex": "(" + strings.Repeat("a?", 510) + "b)", "directions": directions, "scopes": textScopes})
		hosts = append(hosts, "*."+name+"."+name+"."+name+"."+name[:59])
	}
	return map[string]any{
		"promptInjection": map[string]any{"scopes": textScopes}, "denyPatterns": patterns, "imageLinks": map[string]any{"allowedHosts": hosts},
		"pii": map[string]any{"kinds": piiKinds, "directions": directions, "scopes": textScopes}, "controlCharacters": map[string]any{"scopes": textScopes},
	}
}

// largestGuards are what a gateway's sanitizer has beside that.
func largestGuards() map[string]any {
	all := largestContent()
	scores := map[string]any{}
	for _, category := range wide(32, 64) {
		scores[strings.NewReplacer("0", "b", "1", "c", "2", "d", "3", "e", "4", "f", "5", "g", "6", "h", "7", "i", "8", "j", "9", "k").Replace(category)] = "0.999999"
	}
	all["webhook"] = map[string]any{"url": "https://" + repeat(1016), "caSecretRef": map[string]any{"name": repeat(253)}, "timeout": "00000h00000m00001s00001ms"}
	all["moderation"] = map[string]any{"target": someTargets(1)[0], "thresholds": scores}
	return all
}

func largestCORS() map[string]any {
	var origins, headers []any
	for _, name := range wide(64, 64) {
		headers = append(headers, name)
		origins = append(origins, "https://*."+name+"."+name+"."+name+"."+name[:40]+":65535")
	}
	return map[string]any{"allowOrigins": origins, "allowHeaders": headers, "exposeHeaders": headers, "allowMethods": []any{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}}
}

// What is as large as may be passes, and with one thing wrong it does not: so the rules are tried.
func TestWhatIsAsLargeAsMayBeIsWithinTheBudgetOfRules(t *testing.T) {
	namespace := newNamespace(t)
	gatewayLimits := largestLimits()
	for _, name := range []string{"perUser", "perIP", "all"} {
		gatewayLimits[name] = largestLimits()
	}
	var addresses []any
	for _, host := range wide(16, 255) {
		addresses = append(addresses, host+":65535")
	}
	tests := map[string]struct{ largest, wrong change }{
		"APIKey": {
			change{"spec.gatewayRefs": largestRefs(), "spec.user": repeat(253), "spec.limits": largestLimits(), "spec.budgets": largestBudgets(),
				"spec.allow": largestAllow(), "spec.rotation": map[string]any{"every": "00720h00001m00001s00001ms", "overlap": "00720h"}},
			change{"spec.allow.cidrs[63]": "10.0.0.1"},
		},
		"UsagePolicy": {
			change{"spec.gatewayRefs": largestRefs(), "spec.limits": largestLimits(), "spec.budgets": largestBudgets(), "spec.keySelector": map[string]any{"matchLabels": properties(16)}},
			change{"spec.keySelector.matchLabels": properties(17)},
		},
		"SparkGateway": {
			change{"spec.limits": gatewayLimits, "spec.auth": map[string]any{"jwt": largestIssuers(), "trustedProxies": largestCIDRs(),
				"anonymous": map[string]any{"enabled": true, "allow": largestAllow()}},
				"spec.store": redis(map[string]any{"mode": "Cluster", "addresses": addresses}), "spec.sanitizer": largestGuards(), "spec.cors": largestCORS()},
			change{"spec.auth.jwt[7].allow.cidrs[63]": "10.0.0.1"},
		},
	}
	for kind, test := range tests {
		t.Run(kind, func(t *testing.T) {
			server, offline := judgements(t, kind, namespace, object(t, kind, namespace, test.largest))
			if server != nil || offline != nil {
				t.Errorf("refused: the API server says %v, package manifest says %v", server, offline)
			}
			maps.Copy(test.largest, test.wrong)
			if server, offline = judgements(t, kind, namespace, object(t, kind, namespace, test.largest)); len(server) != 1 || len(offline) != 1 {
				t.Errorf("with one thing wrong the API server says %v, package manifest says %v", server, offline)
			}
		})
	}
}
