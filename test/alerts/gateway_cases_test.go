// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

// one gives a single series.
func one(series, values string) map[string]string { return map[string]string{series: values} }

// ofGateway gives a series of that gateway.
func ofGateway(name, labels string) string {
	return name + `{namespace="team",gateway="main",` + labels + `}`
}

// lag is the operator's count of that gateway's pods that lag for a reason.
func lag(reason, values string) map[string]string {
	return one(ofGateway("spark_operator_pods_lagging", `pod="a",reason="`+reason+`"`), values)
}

const down = "None of the pods of team/main can be scraped, or none is ready."

// gatewayCases are of what a gateway's pods tell of what they stand on.
var gatewayCases = map[string]alertCase{
	"no pod can be scraped": {
		alert: "SparkGatewayDown", at: "10m", wantLabels: on(),
		series: map[string]string{of("up", ""): "1 1 0x30", `up{namespace="team",gateway="main",pod="b"}`: "0x40", of("spark_build_info", ""): "1 1 stale"},
		want:   down,
	},
	"one of two pods cannot be scraped, nor can what is no gateway": {
		alert: "SparkGatewayDown", at: "10m", series: map[string]string{
			of("up", ""): "1x40", `up{namespace="team",gateway="main",pod="b"}`: "0x40", `up{job="other"}`: "0x40", of("spark_build_info", ""): "1x40",
		},
	},
	"a gateway of other software is down": {
		alert: "SparkGatewayDown", at: "10m", series: map[string]string{`up{namespace="mesh",gateway="edge"}`: "0x40", of("spark_build_info", ""): "1x40"},
	},
	"no pod is scheduled, and each pod of the operator says so": {
		alert: "SparkGatewayDown", at: "20m", wantLabels: on(), want: down,
		series: map[string]string{
			ofGateway("spark_operator_gateway_pods", `pod="a",state="desired"`): "2x60", ofGateway("spark_operator_gateway_pods", `pod="a",state="ready"`): "2x10 0x50",
			ofGateway("spark_operator_gateway_pods", `pod="b",state="desired"`): "2x60", ofGateway("spark_operator_gateway_pods", `pod="b",state="ready"`): "2x10 0x50",
		},
	},
	"a gateway that is new takes four minutes to start": {
		alert: "SparkGatewayDown", at: "10m", series: map[string]string{
			ofGateway("spark_operator_gateway_pods", `state="desired"`): "_x10 2x60", ofGateway("spark_operator_gateway_pods", `state="ready"`): "_x10 0x8 2x50",
		},
	},
	"a gateway is to have no pods": {
		alert: "SparkGatewayDown", at: "20m", series: map[string]string{
			ofGateway("spark_operator_gateway_pods", `state="desired"`): "0x60", ofGateway("spark_operator_gateway_pods", `state="ready"`): "0x60",
		},
	},
	"Prometheus selects no ServiceMonitor of a gateway": {
		alert: "SparkGatewayUnwatched", at: "20m", wantLabels: on(), series: map[string]string{
			ofGateway("spark_operator_gateway_pods", `state="ready"`): "3x60", `up{namespace="spark-system",pod="operator"}`: "1x60",
		},
		want: "team/main has 3 pods that serve, and Prometheus knows none of them by these names: no other alert watches it.",
	},
	"a gateway is scraped, and another one has no pods": {
		alert: "SparkGatewayUnwatched", at: "20m", series: map[string]string{
			ofGateway("spark_operator_gateway_pods", `state="ready"`): "3x60", of("up", ""): "0x60",
			`spark_operator_gateway_pods{namespace="team",gateway="other",state="ready"}`: "0x60",
		},
	},
	"a breaker opens, tries and opens again": {
		alert: "SparkBreakerOpen", at: "10m", wantLabels: on("provider", "team/openai", "model", "gpt"),
		series: one(of("spark_breaker_state", `provider="team/openai",model="gpt"`), "2 2 1 2 2 1 2 2 1 2 2 1 2 2 1 2 2 1 2 2 1 2 2"),
		want:   "A breaker of team/openai/gpt in team/main opens again and again, or stays open.",
	},
	"a breaker opens once": {
		alert: "SparkBreakerOpen", at: "10m",
		series: one(of("spark_breaker_state", `provider="team/openai",model="gpt"`), "0 2 2 1 0x40"),
	},
	"every pod finds a provider unhealthy": {
		alert: "SparkProviderUnhealthy", at: "10m", wantLabels: on("provider", "team/openai"),
		series: one(of("spark_provider_healthy", `provider="team/openai"`), "0x40"),
		want:   "No pod of team/main finds team/openai healthy.",
	},
	"one of two pods finds a provider unhealthy": {
		alert: "SparkProviderUnhealthy", at: "10m", series: map[string]string{
			of("spark_provider_healthy", `provider="team/openai"`):                                   "0x40",
			`spark_provider_healthy{namespace="team",gateway="main",pod="b",provider="team/openai"}`: "1x40",
		},
	},
	"a provider refuses three of four attempts": {
		alert: "SparkProviderRefuses", at: "25m", wantLabels: on("provider", "p"),
		series: map[string]string{
			of("spark_attempts_total", `provider="p",outcome="ok"`):               "0+1x60",
			of("spark_attempts_total", `provider="p",outcome="provider_refused"`): "0+3x60",
		},
		want: "p answers 75% of the attempts of team/main with a 4xx: its credentials, quota or model names may be wrong.",
	},
	"a provider refuses the only caller of the night, once in two minutes": {
		alert: "SparkProviderRefuses", at: "60m", series: one(of("spark_attempts_total", `provider="p",outcome="provider_refused"`), "0x4 1x4 2x4 3x4 4x4 5x4 6x4 7x4 8x4 9x4 10x4 11x4 12x4 13x4 14x4 15x4 16x4 17x4 18x4 19x4 20x4 21x4 22x4 23x4 24x4"),
	},
	"a provider refuses one of four attempts": {
		alert: "SparkProviderRefuses", at: "25m", series: map[string]string{
			of("spark_attempts_total", `provider="p",outcome="ok"`):               "0+3x60",
			of("spark_attempts_total", `provider="p",outcome="provider_refused"`): "0+1x60",
		},
	},
	"the store is away": {
		alert: "SparkStoreDown", at: "5m", wantLabels: on(),
		series: map[string]string{of("spark_store_up", ""): "1 0x20", `spark_store_up{namespace="team",gateway="main",pod="b"}`: "1x20"},
		want:   "At least one pod of team/main works without its store; limits hold as store.onFailure says.",
	},
	"the store was away for a minute": {alert: "SparkStoreDown", at: "3m", series: one(of("spark_store_up", ""), "1 1 0 0 1x20")},
	"two pods reject their configuration for five minutes": {
		alert: "SparkConfigRejected", at: "10m", wantLabels: on(), series: lag("rejected", "0 0 0 2x40"),
		want: "2 pods of team/main keep the configuration before, as they cannot build the new one. Pods that start now may not serve.",
	},
	"pods reject what is new until an upgrade has replaced them": {alert: "SparkConfigRejected", at: "6m", series: lag("rejected", "0 0 0 2 2 1 1 1 0x40")},
	"pods are behind, and reject nothing":                        {alert: "SparkConfigRejected", at: "10m", series: lag("behind", "2x40")},
	"a pod keeps an old configuration, while another takes up each": {
		alert: "SparkPodsDisagree", at: "20m", wantLabels: on(), want: "1 pods of team/main have run older configurations than the others for 15 minutes.",
		series: map[string]string{of("spark_config_sequence", ""): "1700000000000+20x60", ofGateway("spark_config_sequence", `pod="b"`): "1700000000000x60"},
	},
	"configurations follow each other, and pods are scraped one after another": {
		alert: "SparkPodsDisagree", at: "20m",
		series: map[string]string{of("spark_config_sequence", ""): "1700000000020+20x60", ofGateway("spark_config_sequence", `pod="b"`): "1700000000000+20x60"},
	},
	"another gateway has another configuration": {
		alert: "SparkPodsDisagree", at: "20m",
		series: map[string]string{of("spark_config_sequence", ""): "5x60", `spark_config_sequence{namespace="team",gateway="other",pod="c"}`: "7x60"},
	},
	"a guard fails to answer one of five questions": {
		alert: "SparkGuardFailing", at: "20m", wantLabels: on("guard", "webhook"),
		series: map[string]string{
			of("spark_guard_calls_total", `guard="webhook",result="allow"`): "0+4x60", of("spark_guard_calls_total", `guard="webhook",result="timeout"`): "0+1x60",
		},
		want: "20% of the questions of team/main to its webhook have no answer; requests go the way of its onFailure.",
	},
	"a guard fails to answer one question, and was asked ten": {
		alert: "SparkGuardFailing", at: "20m", series: map[string]string{
			of("spark_guard_calls_total", `guard="webhook",result="allow"`): "0x30 9x60", of("spark_guard_calls_total", `guard="webhook",result="timeout"`): "0x30 1x60",
		},
	},
	"a guard blocks everything": {
		alert: "SparkGuardFailing", at: "20m", series: one(of("spark_guard_calls_total", `guard="webhook",result="block"`), "0+4x60"),
	},
	"clients are turned away for five minutes": {
		alert: "SparkConnectionsRefused", at: "15m", wantLabels: on(), series: one(of("spark_connections_refused_total", ""), "0+60x60"),
		want: "team/main is at listener.maxConnections and closes 2.0 new connections a second.",
	},
	"clients were turned away once": {
		alert: "SparkConnectionsRefused", at: "15m", series: one(of("spark_connections_refused_total", ""), "0 0 0 9x60"),
	},
}

// accountingCases are of money, and of what is lost of what was told.
var accountingCases = map[string]alertCase{
	"a policy's budget is spent to nineteen twentieths": {
		alert: "SparkBudgetNearlySpent", at: "10m", wantLabels: on("scope", "policy"), series: one(of("spark_budget_used_ratio", `scope="policy"`), "0.95x40"),
		want: "The fullest budget of a policy in team/main is spent to 95%.",
	},
	"a key's budget is half spent": {
		alert: "SparkBudgetNearlySpent", at: "10m", series: one(of("spark_budget_used_ratio", `scope="key"`), "0.5x40"),
	},
	"after half a day of little, ten times as much is spent": {
		alert: "SparkSpendRunaway", at: "744m", every: "2m", wantLabels: on(),
		series: one(of("spark_spend_cost_dollars_total", `provider="p",model="m"`), "0+0.03x1440 43.5+0.3x90"),
		want:   "team/main spends $0.0100 a second, more than five times the mean of a day, twice the most of the week before and $5 an hour.",
	},
	"three times as much is spent as two days before, and nothing meanwhile": {
		alert: "SparkSpendRunaway", at: "51h", every: "4m", wantLabels: on(),
		series: one(of("spark_spend_cost_dollars_total", `provider="p",model="m"`), "0+0.125x240 30x5760 30+0.375x240"),
		want:   "team/main spends $0.0125 a second, more than five times the mean of a day, twice the most of the week before and $5 an hour.",
	},
	"as much is spent as two days before, and nothing meanwhile": {
		alert: "SparkSpendRunaway", at: "51h", every: "4m",
		series: one(of("spark_spend_cost_dollars_total", `provider="p",model="m"`), "0+0.125x240 30x5760 30+0.125x240"),
	},
	"a gateway that is new spends evenly": {
		alert: "SparkSpendRunaway", at: "60m", series: one(of("spark_spend_cost_dollars_total", `provider="p",model="m"`), "0+3x200"),
	},
	"ten times as much is spent, which is cents": {
		alert: "SparkSpendRunaway", at: "744m", every: "2m", series: one(of("spark_spend_cost_dollars_total", `provider="p",model="m"`), "0+0.0003x1440 0.435+0.003x90"),
	},
	"usage records are lost on the way to a sink, and to the store": {
		alert: "SparkUsageRecordsLost", at: "10m", wantLabels: on(), series: map[string]string{
			of("spark_usage_records_lost_total", `sink="webhook"`): "0x5 8x60", of("spark_store_records_lost_total", ""): "0x5 3x60",
		},
		want: "team/main lost about 11 usage records within 15 minutes.",
	},
	"no usage records are lost": {
		alert: "SparkUsageRecordsLost", at: "10m", series: map[string]string{
			of("spark_usage_records_lost_total", `sink="webhook"`): "8x60", of("spark_store_records_lost_total", ""): "3x60",
		},
	},
	"access log lines are lost": {
		alert: "SparkAccessLogDropped", at: "10m", wantLabels: on(), series: one(of("spark_access_log_dropped_total", ""), "0x5 4x60"),
		want: "team/main could not write about 4 access log lines within 15 minutes.",
	},
	"access log lines were lost yesterday": {alert: "SparkAccessLogDropped", at: "20m", series: one(of("spark_access_log_dropped_total", ""), "4x60")},
	"spans are lost": {
		alert: "SparkTracesDropped", at: "10m", wantLabels: on(), series: one(of("spark_traces_dropped_total", ""), "0x5 4x60"),
		want: "The collector did not take about 4 spans of team/main within 15 minutes.",
	},
	"spans were lost yesterday": {alert: "SparkTracesDropped", at: "20m", series: one(of("spark_traces_dropped_total", ""), "4x60")},
}

const leads = `leader_election_master_status{name="spark-operator.sparkgateway.dev",pod="a"}`

// operatorCases are of what the operator tells.
var operatorCases = map[string]alertCase{
	"the operator is not there": {
		alert: "SparkOperatorDown", at: "10m", wantLabels: map[string]string{"name": "spark-operator.sparkgateway.dev"}, series: one("up", "1x40"),
		want: "No pod of the operator can be scraped. Gateways go on with what they have; nothing that is applied reaches them.",
	},
	"the operator is there": {alert: "SparkOperatorDown", at: "10m", series: one(leads, "1x40")},
	"both pods of the operator wait for the Lease": {
		alert: "SparkNoLeader", at: "10m", series: map[string]string{leads: "0x40", `leader_election_master_status{name="spark-operator.sparkgateway.dev",pod="b"}`: "0x40"},
		want: "The pods of the operator wait for its Lease, so that nothing that is applied reaches gateways.",
	},
	"one pod of the operator leads": {
		alert: "SparkNoLeader", at: "10m", series: map[string]string{leads: "0x40", `leader_election_master_status{name="spark-operator.sparkgateway.dev",pod="b"}`: "1x40"},
	},
	"a gateway is not Ready for a quarter of an hour, now for one reason and then for another": {
		alert: "SparkProgrammedStuck", at: "20m", wantLabels: on(), series: map[string]string{
			ofGateway("spark_operator_gateways", `pod="a",ready="False"`): "1x12 stale", ofGateway("spark_operator_gateways", `pod="a",ready="Unknown"`): "_x12 1x60",
			ofGateway("spark_operator_gateways", `pod="b",ready="False"`): "1x60",
		},
		want: "team/main has not been Ready for 15 minutes.",
	},
	"one gateway rolls out after another": {
		alert: "SparkProgrammedStuck", at: "20m", series: map[string]string{
			ofGateway("spark_operator_gateways", `ready="False"`):                       "1x20 stale",
			`spark_operator_gateways{namespace="team",gateway="other",ready="Unknown"}`: "_x20 1x60",
		},
	},
	"a pod lags for ten minutes, as the one says that leads": {
		alert: "SparkPodsLagging", at: "15m", wantLabels: on(), series: map[string]string{
			ofGateway("spark_operator_pods_lagging", `pod="a",reason="silent"`): "1x60", ofGateway("spark_operator_pods_lagging", `pod="b",reason="silent"`): "0x60",
		},
		want: "1 pods of team/main have not acknowledged the configuration that is theirs for 10 minutes.",
	},
	"a pod lags for a minute now and then": {alert: "SparkPodsLagging", at: "15m", series: lag("behind", "0 1 1 0 0 0 0 0 0 0 1 1 0 0x60")},
	"a gateway is installed, whose pods take a while": {
		alert: "SparkProgrammedSlow", at: "40m", series: map[string]string{
			`spark_operator_apply_to_programmed_seconds_bucket{le="30"}`: "0x200", `spark_operator_apply_to_programmed_seconds_bucket{le="60"}`: "0x20 10x180",
			`spark_operator_apply_to_programmed_seconds_bucket{le="+Inf"}`: "0x20 10x180",
		},
	},
	"a tenth of what is applied takes a minute and a half": {
		alert: "SparkProgrammedSlow", at: "60m", series: map[string]string{
			`spark_operator_apply_to_programmed_seconds_bucket{le="1"}`: "0+8x200", `spark_operator_apply_to_programmed_seconds_bucket{le="30"}`: "0+8x200",
			`spark_operator_apply_to_programmed_seconds_bucket{le="150"}`: "0+10x200", `spark_operator_apply_to_programmed_seconds_bucket{le="+Inf"}`: "0+10x200",
		},
		want: "A tenth of what was applied within 10 minutes took more than 1m 30s to be Programmed.",
	},
	"what is applied is Programmed within a second": {
		alert: "SparkProgrammedSlow", at: "60m", series: map[string]string{
			`spark_operator_apply_to_programmed_seconds_bucket{le="1"}`: "0+10x200", `spark_operator_apply_to_programmed_seconds_bucket{le="+Inf"}`: "0+10x200",
		},
	},
	"a quarter of the reconciliations fails": {
		alert: "SparkReconcileErrors", at: "40m", series: map[string]string{`spark_operator_reconciles_total{result="error"}`: "0+1x200", `spark_operator_reconciles_total{result="success"}`: "0+3x200"},
		want: "25% of the operator's reconciliations end in an error.",
	},
	"one of a hundred reconciliations fails": {
		alert: "SparkReconcileErrors", at: "40m", series: map[string]string{`spark_operator_reconciles_total{result="error"}`: "0+1x200", `spark_operator_reconciles_total{result="success"}`: "0+99x200"},
	},
}
