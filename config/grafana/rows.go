// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package grafana

// by is a rate per second of a counter, summed up by labels.
func by(labels, metric, matchers, legend string) []target {
	return []target{{"sum by (" + labels + ") (rate(" + metric + "{" + matchers + "}[RATE]))", legend}}
}

// sums are rates per second of counters without labels of their own, each with its legend.
func sums(pairs ...string) (queries []target) {
	for i := 0; i < len(pairs); i += 2 {
		queries = append(queries, target{"sum(rate(" + pairs[i] + "{GATEWAY}[RATE]))", pairs[i+1]})
	}
	return queries
}

const (
	failed  = `outcome=~"provider_failed|provider_unreachable|provider_timeout|provider_broken|drained|internal|unavailable"`
	eachPod = "{{namespace}}/{{pod}}"
)

var rows = []row{
	{"Now", []panel{
		{title: "Requests", kind: "stat", width: 4, unit: "reqps", queries: []target{{"sum(rate(spark_requests_total{TARGET}[RATE]))", ""}}},
		{title: "Failures, last hour", kind: "stat", width: 4, unit: "percentunit", help: "Of the requests that are not the caller's fault. 0.1 % may.",
			queries: []target{{"max(spark:request_failures:ratio_rate1h{GATEWAY})", ""}}},
		{title: "First token, p95", kind: "stat", width: 4, unit: "s", queries: percentiles("gen_ai_server_time_to_first_token_seconds", "TARGET", "", 95)},
		{title: "Spend per hour", kind: "stat", width: 4, unit: "currencyUSD", queries: []target{{"3600 * sum(rate(spark_spend_cost_dollars_total{TARGET}[RATE]))", ""}}},
		{title: "Pods", kind: "stat", width: 4, unit: "short", queries: []target{{"count(spark_build_info{GATEWAY})", ""}}},
		{title: "Breakers not closed", kind: "stat", width: 4, unit: "short", queries: []target{{"count(max by (namespace, gateway, provider, model) (spark_breaker_state{TARGET}) > 0) or vector(0)", ""}}},
	}},
	{"Traffic", []panel{
		{title: "Requests by outcome", unit: "reqps", stacked: true, queries: by("outcome", "spark_requests_total", "TARGET", "{{outcome}}")},
		{title: "Requests by target", unit: "reqps", stacked: true, help: "Without a target: requests that reached none.",
			queries: by("provider, model", "spark_requests_total", "TARGET", "{{provider}} {{model}}")},
		{title: "Attempts by kind", unit: "reqps", help: "Beyond the first of each request: retries, failovers, hedges.",
			queries: by("kind", "spark_attempts_total", "TARGET", "{{kind}}")},
		{title: "In flight", unit: "short", queries: []target{{"sum by (namespace, pod) (spark_requests_in_flight{GATEWAY})", eachPod}}},
		{title: "Connections", unit: "short", queries: append([]target{{"sum(spark_connections{GATEWAY})", "open"}}, sums("spark_connections_refused_total", "refused a second")...)},
		{title: "Hedges and mirrors", unit: "reqps", queries: append(by("result", "spark_hedges_total", "GATEWAY", "hedge {{result}}"),
			by("result", "spark_mirrors_total", "GATEWAY", "mirror {{result}}")...)},
	}},
	{"Errors", []panel{
		{title: "Part of requests that fail", unit: "percentunit", help: "0.1 % may; 1.44 % over an hour wakes somebody.", queries: []target{
			{"spark:request_failures:ratio_rate5m{GATEWAY}", "5m {{namespace}}/{{gateway}}"}, {"spark:request_failures:ratio_rate1h{GATEWAY}", "1h {{namespace}}/{{gateway}}"}}},
		{title: "Failures by outcome", unit: "reqps", stacked: true, queries: by("outcome", "spark_requests_total", "TARGET,"+failed, "{{outcome}}")},
		{title: "Errors by level", unit: "reqps", queries: append(by("level", "spark_errors_total", "GATEWAY", "{{level}}"),
			target{"sum(spark_error_groups{GATEWAY})", "groups that are known"})},
	}},
	{"Latency", []panel{
		{title: "Request", unit: "s", queries: percentiles("gen_ai_server_request_duration_seconds", `TARGET,outcome="ok"`, "", 50, 95, 99)},
		{title: "Time to first token", unit: "s", queries: percentiles("gen_ai_server_time_to_first_token_seconds", "TARGET", "", 50, 95, 99)},
		{title: "Time per output token", unit: "s", queries: percentiles("gen_ai_server_time_per_output_token_seconds", "TARGET", "", 50, 95, 99)},
		{title: "Request p95 by operation", unit: "s", queries: percentiles("gen_ai_server_request_duration_seconds", `TARGET,outcome="ok"`, "gen_ai_operation_name", 95)},
		{title: "First token p95 by model", unit: "s", queries: percentiles("gen_ai_server_time_to_first_token_seconds", "TARGET", "model", 95)},
		{title: "Attempt p95 by provider", unit: "s", queries: percentiles("gen_ai_client_operation_duration_seconds", "TARGET", "provider", 95)},
	}},
	{"Tokens and money", []panel{
		{title: "Tokens a second by type", unit: "short", help: "Cached is part of prompt, reasoning of completion.", queries: by("type", "spark_tokens_total", "TARGET", "{{type}}")},
		{title: "Tokens of an attempt", unit: "short", queries: percentiles("gen_ai_client_token_usage", "TARGET", "gen_ai_token_type", 50, 95)},
		{title: "How tokens are known", unit: "short", queries: by("source", "spark_tokens_total", "TARGET", "{{source}}")},
		{title: "Spend per hour by target", unit: "currencyUSD", stacked: true, queries: []target{{"3600 * sum by (provider, model) (rate(spark_spend_cost_dollars_total{TARGET}[RATE]))", "{{provider}} {{model}}"}}},
		{title: "Spend per hour by key, the ten dearest", unit: "currencyUSD", help: "Where telemetry.metrics.perKeyLabels is set.",
			queries: []target{{"topk(10, 3600 * sum by (key) (rate(spark_key_cost_dollars_total{GATEWAY}[RATE])))", "{{key}}"}}},
		{title: "Requests without a price", unit: "reqps", queries: by("provider, model", "spark_unpriced_requests_total", "TARGET", "{{provider}} {{model}}")},
	}},
	{"Cache", []panel{
		{title: "Requests by what the cache did", unit: "reqps", stacked: true, queries: by("result, tier", "spark_cache_requests_total", "GATEWAY", "{{result}} {{tier}}")},
		{title: "Hit rate", unit: "percentunit", queries: []target{{
			`sum(rate(spark_cache_requests_total{GATEWAY,result="hit"}[RATE])) / sum(rate(spark_cache_requests_total{GATEWAY,result=~"hit|miss"}[RATE]))`, "hits"}}},
		{title: "Saved per hour", unit: "currencyUSD", queries: []target{{"3600 * sum(rate(spark_cache_saved_cost_dollars_total{GATEWAY}[RATE]))", "saved"}}},
		{title: "Memory", unit: "bytes", queries: []target{{"sum by (of) (spark_cache_bytes{GATEWAY})", "{{of}}"}}},
		{title: "Evicted a second", unit: "short", queries: by("of", "spark_cache_evicted_total", "GATEWAY", "{{of}}")},
		{title: "Shared cache, what went wrong", unit: "short", queries: sums("spark_cache_shared_failed_total", "not asked, or no answer", "spark_cache_shared_lost_total", "answers not kept",
			"spark_cache_corrupt_total", "unreadable")},
	}},
	{"Limits and budgets", []panel{
		{title: "Refusals", unit: "reqps", stacked: true, queries: by("scope, dimension", "spark_limit_refusals_total", "GATEWAY", "{{scope}} {{dimension}}")},
		{title: "Would be refused (shadow)", unit: "reqps", queries: by("scope, dimension", "spark_limit_shadowed_total", "GATEWAY", "{{scope}} {{dimension}}")},
		{title: "Fullest budget", unit: "percentunit", queries: []target{{"max by (namespace, gateway, scope) (spark_budget_used_ratio{GATEWAY})", "{{namespace}}/{{gateway}} {{scope}}"}}},
		{title: "Waits for a provider's quota", unit: "reqps", queries: by("result", "spark_quota_waits_total", "GATEWAY", "{{result}}")},
		{title: "Budgets that crossed 80 and 100 %", unit: "short", queries: []target{{"sum by (kind, percent) (increase(spark_operator_budget_thresholds_total[RATE]))", "{{kind}} {{percent}} %"}}},
	}},
	{"Providers", []panel{
		{title: "Breakers", kind: "state-timeline", width: 16, help: "The worst of all pods.",
			queries: []target{{"max by (namespace, gateway, provider, model) (spark_breaker_state{TARGET})", "{{gateway}}: {{provider}} {{model}}"}}},
		{title: "Breaker transitions", unit: "short", queries: []target{{"sum by (provider, model, to) (increase(spark_breaker_transitions_total{TARGET}[RATE]))", "{{provider}} {{model}} {{to}}"}}},
		{title: "Attempts that failed", unit: "percentunit", queries: []target{{
			`sum by (provider) (rate(spark_attempts_total{TARGET,outcome=~"provider_failed|provider_unreachable|provider_timeout|provider_broken"}[RATE])) / sum by (provider) (rate(spark_attempts_total{TARGET}[RATE]))`, "{{provider}}"}}},
		{title: "Attempts that were refused (4xx)", unit: "percentunit", queries: []target{{
			`sum by (provider) (rate(spark_attempts_total{TARGET,outcome="provider_refused"}[RATE])) / sum by (provider) (rate(spark_attempts_total{TARGET}[RATE]))`, "{{provider}}"}}},
		{title: "Pods that find it healthy", unit: "percentunit", queries: []target{{"avg by (provider) (spark_provider_healthy{PROVIDER})", "{{provider}}"}}},
	}},
	{"Sanitizer", []panel{
		{title: "Findings", unit: "reqps", stacked: true, queries: by("kind, action", "spark_sanitizer_findings_total", "GATEWAY", "{{kind}} {{action}}")},
		{title: "Personal data and secrets", unit: "short", queries: by("kind, direction", "spark_sanitizer_pii_total", "GATEWAY", "{{kind}} {{direction}}")},
		{title: "Guards' answers", unit: "reqps", queries: by("guard, result", "spark_guard_calls_total", "GATEWAY", "{{guard}} {{result}}")},
		{title: "Guards' time", unit: "s", queries: percentiles("spark_guard_duration_seconds", "GATEWAY", "guard", 50, 95)},
	}},
	{"Store and configuration", []panel{
		{title: "Pods with their store", unit: "percentunit", queries: []target{{"avg by (namespace, gateway) (spark_store_up{GATEWAY})", "{{namespace}}/{{gateway}}"}}},
		{title: "Settlements that wait for the store", unit: "short", queries: []target{{"sum by (namespace, pod) (spark_store_settlements_queued{GATEWAY})", eachPod}}},
		{title: "Store, what went wrong", unit: "short", queries: sums("spark_store_outages_total", "outages", "spark_store_late_reservations_total", "late reservations",
			"spark_store_settlements_merged_total", "merged settlements")},
		{title: "Pods by revision", unit: "short", stacked: true, queries: []target{{"count by (namespace, gateway, revision) (spark_config_info{GATEWAY})", "{{namespace}}/{{gateway}} {{revision}}"}}},
		{title: "Configurations", unit: "short", queries: []target{{"sum by (result) (increase(spark_config_reloads_total{GATEWAY}[RATE]))", "{{result}}"}}},
		{title: "Pods that drain", unit: "short", queries: []target{{"sum by (namespace, gateway) (spark_draining{GATEWAY})", "{{namespace}}/{{gateway}}"}}},
		{title: "Lost a second", unit: "short", help: "What was to be told and was not.", queries: append(sums("spark_access_log_dropped_total", "access log lines", "spark_store_records_lost_total", "records, store",
			"spark_traces_dropped_total", "spans"), by("sink", "spark_usage_records_lost_total", "GATEWAY", "records, {{sink}}")...)},
		{title: "Memory of pods", unit: "bytes", queries: []target{{"max by (namespace, pod) (process_resident_memory_bytes{GATEWAY})", eachPod}}},
		{title: "CPU of pods", unit: "short", queries: []target{{"sum by (namespace, pod) (rate(process_cpu_seconds_total{GATEWAY}[RATE]))", eachPod}}},
	}},
	{"Operator", []panel{
		{title: "Applied to Programmed", unit: "s", queries: percentiles("spark_operator_apply_to_programmed_seconds", "", "kind", 50, 95)},
		{title: "Gateways by Ready", unit: "short", stacked: true, queries: []target{{"count by (ready) (max by (namespace, gateway, ready) (spark_operator_gateways))", "{{ready}}"}}},
		{title: "Pods that lag", unit: "short", stacked: true, queries: []target{{"sum by (reason) (max by (namespace, gateway, reason) (spark_operator_pods_lagging{GATEWAY}))", "{{reason}}"}}},
		{title: "Pods that are wanted and not ready", unit: "short", queries: []target{{
			`max by (namespace, gateway) (spark_operator_gateway_pods{GATEWAY,state="desired"}) - max by (namespace, gateway) (spark_operator_gateway_pods{GATEWAY,state="ready"})`, "{{namespace}}/{{gateway}}"}}},
		{title: "Reconciliations", unit: "ops", queries: by("result", "spark_operator_reconciles_total", "", "{{result}}")},
		{title: "Pushes and acks", unit: "ops", queries: append(by("result", "spark_operator_pushes_total", "", "push {{result}}"), by("result", "spark_operator_acks_total", "", "ack {{result}}")...)},
		{title: "Status writes", unit: "ops", queries: by("kind", "spark_operator_status_writes_total", "", "{{kind}}")},
	}},
}
