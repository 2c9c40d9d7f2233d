// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"slices"
	"strings"
)

// transitions are rules about changes, with tests of their own; package manifest does not try them.
var transitions = []constraint{
	{"APIKey", "spec", "secretRef cannot be added or removed later: make another APIKey instead"},
}

const withoutCPU = "autoscaling goes by the CPU that is requested, so resources must request some"

// scaled is a gateway that is scaled, with these resources.
func scaled(resources map[string]any) change {
	return change{"spec.autoscaling.maxReplicas": 2, "spec.resources": resources}
}

// rules are all cases.
func rules() []rule {
	return slices.Concat(gatewayRules(), gatewayResourceRules(), gatewayPodRules(), gatewayHeaderRules(), providerRules(), providerTypeRules(), providerCloudRules(),
		providerModelRules(), providerTrafficRules(), routeRules(), keyRules(), everyLimitRules(), accessRules(), sharedRules(), cacheRules(), sanitizerRules(), protectRules(), tracingRules(), metricsRules())
}

func gatewayRules() []rule {
	const kind = "SparkGateway"
	at := func(path string) field { return field{kind, path, nil} }
	autoscaling := func(path string) field {
		return field{kind, "spec.autoscaling." + path, change{"spec.autoscaling.maxReplicas": 1000}}
	}
	const nameRule = "the name must be a DNS label that begins with a letter, of at most 50 characters, as a Service is named after it"
	const fromRule = "selector is required with from: Selector, and has no effect otherwise"
	from := func(from string, selector bool) change {
		c := change{"spec.allowedNamespaces.from": from}
		if selector {
			c["spec.allowedNamespaces.selector"] = map[string]any{"matchLabels": map[string]any{"a": "b"}}
		}
		return c
	}
	allowed := "spec.allowedNamespaces"
	return slices.Concat([]rule{
		{constraint{kind, "", "required spec"}, nil, change{"spec": nil}},
		{constraint{kind, "", nameRule}, change{"metadata.name": repeat(50)}, change{"metadata.name": repeat(51)}},
		{constraint{kind, "", nameRule}, change{"metadata.name": "a-1"}, change{"metadata.name": "1-a"}},
		{constraint{kind, "", nameRule}, nil, change{"metadata.name": "a.b"}},
		{constraint{kind, "spec", "replicas and autoscaling exclude each other"},
			change{"spec.autoscaling.maxReplicas": 2}, change{"spec.autoscaling.maxReplicas": 2, "spec.replicas": 2}},
		{constraint{kind, "spec", withoutCPU}, change{"spec.autoscaling.maxReplicas": 2}, scaled(map[string]any{})},
		{constraint{kind, "spec", withoutCPU}, scaled(map[string]any{"requests": map[string]any{"cpu": "1"}}), scaled(map[string]any{"requests": map[string]any{"memory": "1Gi"}})},
		{constraint{kind, "spec", withoutCPU}, scaled(map[string]any{"limits": map[string]any{"cpu": "1"}}), scaled(map[string]any{"limits": map[string]any{"memory": "1Gi"}})},
		{constraint{kind, "spec.autoscaling", "minReplicas must not exceed maxReplicas"},
			change{"spec.autoscaling": map[string]any{"minReplicas": 2, "maxReplicas": 2}},
			change{"spec.autoscaling": map[string]any{"minReplicas": 3, "maxReplicas": 2}}},
		{constraint{kind, "spec.autoscaling", "required maxReplicas"}, nil, change{"spec.autoscaling": map[string]any{}}},
		{constraint{kind, allowed, "required from"}, change{allowed: map[string]any{"from": "Same"}}, change{allowed: map[string]any{}}},
		{constraint{kind, allowed, fromRule}, from("Selector", true), from("Selector", false)},
		{constraint{kind, allowed, fromRule}, from("All", false), from("All", true)},
		at(allowed+".from").rule("enum", "All", "None"),
		at("spec.disruption.maxUnavailable").rule("must be a number up to 1000 or a percentage up to 100%", 0, -1),
		at("spec.disruption.maxUnavailable").rule("must be a number up to 1000 or a percentage up to 100%", "100%", "101%"),
		at("spec.disruption.maxUnavailable").rule("must be a number up to 1000 or a percentage up to 100%", 3, "3"),
		// Beyond 32 bits clients could not read the object.
		at("spec.disruption.maxUnavailable").rule("must be a number up to 1000 or a percentage up to 100%", 1000, 5000000000),
		at("spec.listener").rule("ports 9090 and 9443 are the gateway's own", map[string]any{"port": 9091}, map[string]any{"port": 9090}),
		at("spec.listener").rule("ports 9090 and 9443 are the gateway's own", map[string]any{"port": 9444}, map[string]any{"port": 9443}),
		{constraint{kind, "spec.listener.tls", "required secretRef"}, nil, change{"spec.listener.tls": map[string]any{}}},
		{constraint{kind, "spec.listener.tls.secretRef", "required name"}, nil, change{"spec.listener.tls.secretRef": map[string]any{}}},
		at("spec.service.type").rule("enum", "LoadBalancer", "ExternalName"),
		at("spec.service.annotations").rule("maxProperties", properties(32), properties(33)),
		at("spec.service.annotations").rule("keys are annotations' names", map[string]any{"lb.example.com/kind": "a"}, map[string]any{"a b": "c"}),
	},
		at("spec.replicas").number(0, 1000),
		at("spec.autoscaling.maxReplicas").number(1, 1000),
		autoscaling("minReplicas").number(1, 1000),
		autoscaling("targetCPUUtilization").number(1, 1000),
		at("spec.listener.port").number(1024, 65535),
		at("spec.listener.maxConnections").number(1, 1000000),
		at("spec.listener.tls.secretRef.name").name(253),
		at("spec.drain.timeout").duration("must be between 1s and 1h", "1s", "60m", "999ms", "61m"),
		at("spec.requestLimits.bodyTimeout").duration("must be between 1s and 1h", "1s", "60m", "0s", "1h1ms"),
		at("spec.requestLimits.maxBodyBytes").number(1024, 1<<30),
		at("spec.requestLimits.maxHeaderBytes").number(1024, 32768),
	)
}

func gatewayResourceRules() []rule {
	const amount = "must be an amount such as 2, 500m or 1Gi; a number above 2147483647 needs quotes"
	const names = "names are those of resources, such as cpu or memory"
	var rules []rule
	for _, which := range []string{"requests", "limits"} {
		list := field{"SparkGateway", "spec.resources." + which, nil}
		cpu := func(v any) change { return change{list.at + ".cpu": v} }
		one := constraint{"SparkGateway", list.at + ".*", amount}
		rules = append(rules,
			list.rule("maxProperties", amounts(16), amounts(17)),
			list.rule(names, map[string]any{"example.com/gpu": 1}, map[string]any{"a b": 1}),
			rule{constraint{"SparkGateway", list.at + ".*", "maxLength"}, cpu("1"), cpu(repeat(33))},
			rule{one, cpu(2147483647), cpu(2147483648)},
			rule{one, cpu("0.125"), cpu(-1)},
			// What the schema of Kubernetes' own type lets through, and its clients cannot read.
			rule{one, cpu("500m"), cpu("1e1.5")},
			rule{one, cpu("1.5Gi"), cpu("1GiB")},
		)
	}
	return rules
}

// amounts gives n amounts by name.
func amounts(n int) map[string]any {
	all := properties(n)
	for name := range all {
		all[name] = 1
	}
	return all
}

func gatewayPodRules() []rule {
	at := func(path string) field { return field{"SparkGateway", path, nil} }
	const ours = "labels of sparkgateway.dev and app.kubernetes.io are Spark's own"
	labels := at("spec.podTemplate.metadata.labels")
	list := func(n int, item map[string]any) []any { return slices.Repeat([]any{item}, n) }
	toleration := map[string]any{"operator": "Exists"}
	spread := map[string]any{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
	return []rule{
		at("spec.image").rule("maxLength", repeat(512), repeat(513)),
		at("spec.image").rule("pattern", "registry.example.com:443/a/b_c:v1@sha256:0", "a b"),
		at("spec.image").rule("pattern", "a", "/a"),
		labels.rule("maxProperties", properties(32), properties(33)),
		labels.rule(ours, map[string]any{"example.com/team": "a"}, map[string]any{"sparkgateway.dev/gateway": "a"}),
		labels.rule(ours, map[string]any{"app": "a"}, map[string]any{"app.kubernetes.io/name": "a"}),
		at("spec.podTemplate.metadata.annotations").rule("maxProperties", properties(32), properties(33)),
		at("spec.podTemplate.nodeSelector").rule("maxProperties", properties(32), properties(33)),
		at("spec.podTemplate.priorityClassName").rule("maxLength", repeat(253), repeat(254)),
		at("spec.podTemplate.priorityClassName").rule("pattern", "system-node.critical", "High_Priority"),
		at("spec.podTemplate.nodeSelector").rule("keys are labels' names", map[string]any{"example.com/zone": "a"}, map[string]any{"a b": "c"}),
		at("spec.podTemplate.metadata.annotations").rule("keys are annotations' names", map[string]any{"example.com/a.b_c": "a"}, map[string]any{"/a": "b"}),
		labels.rule("keys are labels' names", map[string]any{"example.com/App_1": "a"}, map[string]any{"a b": "c"}),
		{constraint{"SparkGateway", "spec.podTemplate.nodeSelector.*", "maxLength"}, change{"spec.podTemplate.nodeSelector.a": repeat(63)}, change{"spec.podTemplate.nodeSelector.a": repeat(64)}},
		{constraint{"SparkGateway", "spec.podTemplate.nodeSelector.*", "pattern"}, change{"spec.podTemplate.nodeSelector.a": "A.b_c-9"}, change{"spec.podTemplate.nodeSelector.a": "a b"}},
		at("spec.podTemplate.tolerations").rule("maxItems", list(32, toleration), list(33, toleration)),
		at("spec.podTemplate.topologySpreadConstraints").rule("maxItems", list(8, spread), list(9, spread)),
		{constraint{"SparkGateway", labels.at + ".*", "maxLength"}, change{labels.at + ".a": repeat(63)}, change{labels.at + ".a": repeat(64)}},
		{constraint{"SparkGateway", labels.at + ".*", "pattern"}, change{labels.at + ".a": ""}, change{labels.at + ".a": "-"}},
		{constraint{"SparkGateway", labels.at + ".*", "pattern"}, change{labels.at + ".a": "A.b_c-9"}, change{labels.at + ".a": "a b"}},
	}
}

func gatewayHeaderRules() []rule {
	const kind = "SparkGateway"
	at := func(name string) field { return field{kind, "spec.securityHeaders." + name, nil} }
	extra := at("extra")
	const names = "names are letters, digits and dashes, at most 64"
	const own = "this header is the gateway's own"
	rules := []rule{
		at("frameOptions").rule("enum", "SAMEORIGIN", "ALLOWALL"),
		at("referrerPolicy").rule("enum", "unsafe-url", "none"),
		at("contentSecurityPolicy").rule("maxLength", repeat(4096), repeat(4097)),
		at("contentSecurityPolicy").rule("pattern", "default-src 'self' ~", "a\nb"),
		at("strictTransportSecurity").rule("maxLength", repeat(256), repeat(257)),
		at("strictTransportSecurity").rule("pattern", "max-age=0; preload", "é"),
		extra.rule("maxProperties", properties(16), properties(17)),
		extra.rule(names, map[string]any{repeat(64): ""}, map[string]any{repeat(65): ""}),
		extra.rule(names, map[string]any{"X-A-1": ""}, map[string]any{"1-A": ""}),
		extra.rule(names, nil, map[string]any{"X A": ""}),
		{constraint{kind, extra.at + ".*", "maxLength"}, change{extra.at + ".x": repeat(4096)}, change{extra.at + ".x": repeat(4097)}},
		{constraint{kind, extra.at + ".*", "pattern"}, change{extra.at + ".x": " ~"}, change{extra.at + ".x": "a\r\nSet-Cookie: b"}},
	}
	for _, name := range strings.Fields(`connection content-length content-type content-encoding transfer-encoding date server
		retry-after content-security-policy strict-transport-security x-frame-options referrer-policy
		x-content-type-options cache-control age x-request-id X-RateLimit-Limit x-spark-cache access-control-allow-origin`) {
		rules = append(rules, extra.rule(own, map[string]any{"X-" + name: "a"}, map[string]any{strings.ToUpper(name): "a"}))
	}
	return rules
}
