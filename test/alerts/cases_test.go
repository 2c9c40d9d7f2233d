// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import "maps"

// alertCase is what one alert makes of some series, 30 s apart, after a time.
type alertCase struct {
	alert  string
	series map[string]string
	at     string
	// every is how often the rules are evaluated, 30s by default; over days less often, as that takes time, but
	// within the five minutes after which a series is stale.
	every string
	// want is the description of the alert that fires, and empty where none does.
	want string
	// wantLabels are those beside the rule's own.
	wantLabels map[string]string
}

// on gives the labels of a gateway, and further ones.
func on(further ...string) map[string]string {
	labels := map[string]string{"namespace": "team", "gateway": "main"}
	for i := 0; i < len(further); i += 2 {
		labels[further[i]] = further[i+1]
	}
	return labels
}

// of gives a series of a pod of that gateway.
func of(name, labels string) string {
	return name + `{namespace="team",gateway="main",pod="a",` + labels + `}`
}

// traffic is requests of which some fail: values of promtool's form.
func traffic(ok, failed string) map[string]string {
	return map[string]string{
		of("spark_requests_total", `provider="p",model="m",outcome="ok"`):              ok,
		of("spark_requests_total", `provider="p",model="m",outcome="provider_failed"`): failed,
	}
}

// waits is first tokens, or answers, of which so many are within the bound.
func waits(metric, further, bound, all, within string) map[string]string {
	return map[string]string{
		of(metric+"_count", further):                    all,
		of(metric+"_bucket", further+`le="`+bound+`",`): within,
		of(metric+"_bucket", further+`le="+Inf",`):      all,
		of(metric+"_bucket", further+`le="0.005",`):     "0x9000",
	}
}

func firstTokens(all, within string) map[string]string {
	return waits("gen_ai_server_time_to_first_token_seconds", "", "5", all, within)
}

func answers(all, within string) map[string]string {
	return waits("gen_ai_server_request_duration_seconds", `outcome="ok",`, "60.0", all, within)
}

// alertCases are at least two for each alert: one in which it fires, and one in which it does not.
var alertCases = func() map[string]alertCase {
	all := map[string]alertCase{}
	for _, some := range []map[string]alertCase{objectiveCases, gatewayCases, accountingCases, operatorCases} {
		maps.Copy(all, some)
	}
	return all
}()

// objectiveCases are of the objectives: a month's requests of which a thousandth may fail, of which a twentieth may be slow.
var objectiveCases = map[string]alertCase{
	"a fiftieth of the requests fails for an hour": {
		alert: "SparkErrorsBurnFast", series: traffic("0+49x200", "0+1x200"), at: "70m", wantLabels: on(),
		want: "2% of the requests of team/main failed over the last hour; 0.1 % may.",
	},
	"a hundredth of the requests fails for an hour, which can wait": {
		alert: "SparkErrorsBurnFast", series: traffic("0+99x200", "0+1x200"), at: "70m",
	},
	"half of the requests failed, and ten minutes ago it stopped": {
		alert: "SparkErrorsBurnFast", series: traffic("0+10x300", "0+10x100 1000x200"), at: "60m",
	},
	"all requests fail, but there are hardly any": {
		alert: "SparkErrorsBurnFast", series: traffic("0x300", "0x60 1x10 2x200"), at: "50m",
	},
	"a refused request is nobody's failure": {
		alert: "SparkErrorsBurnFast", at: "60m", series: map[string]string{
			of("spark_requests_total", `outcome="ok"`): "0+1x300", of("spark_requests_total", `outcome="limited"`): "0+99x300",
		},
	},
	"a hundredth of the requests fails for six hours": {
		alert: "SparkErrorsBurn", series: traffic("0+99x900", "0+1x900"), at: "7h", every: "2m", wantLabels: on(),
		want: "1% of the requests of team/main failed over the last six hours; 0.1 % may.",
	},
	"three of a thousand requests fail for six hours, which can wait": {
		alert: "SparkErrorsBurn", series: traffic("0+997x900", "0+3x900"), at: "7h", every: "2m",
	},
	"three of a thousand requests fail for a day": {
		alert: "SparkErrorsBurnSlow", series: traffic("0+997x9000", "0+3x9000"), at: "25h", every: "4m", wantLabels: on(),
		want: "0.3% of the requests of team/main failed over the last three days; 0.1 % may.",
	},
	"a request of ten thousand fails, as it may": {
		alert: "SparkErrorsBurnSlow", series: traffic("0+9999x9000", "0+1x9000"), at: "25h", every: "4m",
	},
	"four fifths of the first tokens are late for an hour": {
		alert: "SparkFirstTokenBurnFast", series: firstTokens("0+10x200", "0+2x200"), at: "70m", wantLabels: on(),
		want: "80% of the first tokens of team/main took more than 5 s over the last hour; 5 % may.",
	},
	"half of the first tokens are late for an hour, which can wait": {
		alert: "SparkFirstTokenBurnFast", series: firstTokens("0+10x200", "0+5x200"), at: "70m",
	},
	"half of the first tokens are late for six hours": {
		alert: "SparkFirstTokenBurn", series: firstTokens("0+10x900", "0+5x900"), at: "7h", every: "2m", wantLabels: on(),
		want: "50% of the first tokens of team/main took more than 5 s over the last six hours; 5 % may.",
	},
	"a fifth of the first tokens is late for six hours, which can wait": {
		alert: "SparkFirstTokenBurn", series: firstTokens("0+10x900", "0+8x900"), at: "7h", every: "2m",
	},
	"a fifth of the first tokens is late for a day": {
		alert: "SparkFirstTokenBurnSlow", series: firstTokens("0+10x9000", "0+8x9000"), at: "25h", every: "4m", wantLabels: on(),
		want: "20% of the first tokens of team/main took more than 5 s over the last three days; 5 % may.",
	},
	"one of a hundred first tokens is late, as it may be": {
		alert: "SparkFirstTokenBurnSlow", series: firstTokens("0+100x9000", "0+99x9000"), at: "25h", every: "4m",
	},
	"four fifths of the answers are slow for an hour": {
		alert: "SparkLatencyBurnFast", series: answers("0+10x200", "0+2x200"), at: "70m", wantLabels: on(),
		want: "80% of the answers of team/main took more than 60 s over the last hour; 5 % may.",
	},
	"the answers were slow, and ten minutes ago it stopped": {
		alert: "SparkLatencyBurnFast", series: answers("0+10x300", "0x100 0+10x200"), at: "60m",
	},
	"half of the answers are slow for six hours": {
		alert: "SparkLatencyBurn", series: answers("0+10x900", "0+5x900"), at: "7h", every: "2m", wantLabels: on(),
		want: "50% of the answers of team/main took more than 60 s over the last six hours; 5 % may.",
	},
	"all answers are slow, and they are five in six hours": {
		alert: "SparkLatencyBurn", series: answers("0x300 1x100 2x100 3x100 4x100 5x200", "0x900"), at: "6h",
	},
	"a fifth of the answers is slow for a day": {
		alert: "SparkLatencyBurnSlow", series: answers("0+10x9000", "0+8x9000"), at: "25h", every: "4m", wantLabels: on(),
		want: "20% of the answers of team/main took more than 60 s over the last three days; 5 % may.",
	},
	"no answer is slow": {
		alert: "SparkLatencyBurnSlow", series: answers("0+10x9000", "0+10x9000"), at: "25h", every: "4m",
	},
}
