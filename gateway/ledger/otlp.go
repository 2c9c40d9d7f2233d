// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// OTLPLogs sends lines as OpenTelemetry logs in OTLP/JSON: one log record each, whose body is the request's id and whose
// attributes follow the semantic conventions for generative AI where they have a name for them. The resource names the gateway,
// "namespace/name", and the release.
func OTLPLogs(gateway, version string, now func() time.Time) Format {
	before := appendText([]byte(`{"resourceLogs":[{"resource":{"attributes":[`+
		`{"key":"service.name","value":{"stringValue":"spark-gateway"}},{"key":"service.version","value":{"stringValue":`), version)
	before = append(before, `}}`...)
	if gateway != "" {
		before = append(appendText(append(before, `,{"key":"spark.gateway","value":{"stringValue":`...), gateway), `}}`...)
	}
	before = append(before, `]},"scopeLogs":[{"scope":{"name":"github.com/sparkgateway/spark/gateway/ledger"},"logRecords":[`...)
	return Format{contentType: "application/json", rejected: rejectedLogs, encode: func(dst, lines []byte) []byte {
		dst = append(dst, before...)
		observed := now().UnixNano()
		begun := len(dst)
		for line := range bytes.Lines(lines) {
			r, err := Parse(line)
			if err != nil {
				continue
			}
			if len(dst) > begun {
				dst = append(dst, ',')
			}
			dst = appendLog(dst, &r, observed)
		}
		return append(dst, `]}]}]}`...)
	}}
}

// severityInfo is INFO.
const severityInfo = 9

func appendLog(dst []byte, r *Record, observed int64) []byte {
	dst = strconv.AppendInt(append(dst, `{"timeUnixNano":"`...), r.Ended().UnixNano(), 10)
	dst = strconv.AppendInt(append(dst, `","observedTimeUnixNano":"`...), observed, 10)
	dst = strconv.AppendInt(append(dst, `","severityNumber":`...), severityInfo, 10)
	dst = append(dst, `,"severityText":"INFO","eventName":"spark.usage","body":{"stringValue":`...)
	dst = append(appendText(dst, r.ID), `},"attributes":[`...)
	dst = append(append(dst, `{"key":"spark.stream","value":{"boolValue":`...), strconv.FormatBool(r.Stream)...)
	dst = append(append(dst, `}},{"key":"spark.priced","value":{"boolValue":`...), strconv.FormatBool(r.Priced)...)
	dst = append(dst, `}}`...)
	for _, a := range texts(r) {
		if a.value != "" {
			dst = append(appendText(append(appendAttribute(dst, a.name), `"stringValue":`...), a.value), `}}`...)
		}
	}
	for _, a := range numbers(r) {
		dst = strconv.AppendInt(append(appendAttribute(dst, a.name), `"intValue":"`...), a.value, 10)
		dst = append(dst, `"}}`...)
	}
	if len(r.Policies) > 0 {
		dst = append(appendAttribute(dst, "spark.policies"), `"arrayValue":{"values":[`...)
		for i, p := range r.Policies[:min(len(r.Policies), MaxPolicies)] {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendText(append(dst, `{"stringValue":`...), p), '}')
		}
		dst = append(dst, `]}}}`...)
	}
	return append(dst, `]}`...)
}

func appendAttribute(dst []byte, name string) []byte {
	return append(append(append(dst, `,{"key":"`...), name...), `","value":{`...)
}

func texts(r *Record) []textField {
	return []textField{
		{"gen_ai.operation.name", operationName(r.Operation)}, {"gen_ai.request.model", r.Model},
		{"error.type", r.Reason}, {"spark.key", r.Key}, {"spark.principal", r.Principal}, {"spark.user", r.User},
		{"spark.team", r.Team}, {"spark.route", r.Route}, {"spark.provider", r.Provider}, {"spark.upstream_model", r.UpstreamModel},
		{"spark.operation", r.Operation}, {"spark.dialect", r.Dialect}, {"spark.cost", r.Cost.String()}, {"spark.usage.source", r.Source},
		{"spark.outcome", r.Outcome}, {"spark.cache", r.Cache}, {"spark.cache.cost_saved", r.CostSaved.String()}, {"spark.findings", r.Findings},
		{"spark.shadowed", r.Shadowed},
	}
}

func numbers(r *Record) []numberField {
	return []numberField{
		{"gen_ai.usage.input_tokens", r.TokensIn}, {"gen_ai.usage.output_tokens", r.TokensOut},
		{"gen_ai.usage.cache_read.input_tokens", r.TokensCached}, {"gen_ai.usage.cache_creation.input_tokens", r.TokensCacheWrite},
		{"gen_ai.usage.reasoning.output_tokens", r.TokensReasoning}, {"http.response.status_code", r.Status},
		{"spark.attempts", r.Attempts}, {"spark.cache.tokens_saved", r.TokensSaved}, {"spark.latency_ms", r.LatencyMs}, {"spark.first_token_ms", r.FirstTokenMs},
		{"spark.bytes_in", r.BytesIn}, {"spark.bytes_out", r.BytesOut},
	}
}

// operationName is the conventions' own word, where they have one.
func operationName(operation string) string {
	switch operation {
	case "chat", "embeddings":
		return operation
	case "completions":
		return "text_completion"
	default:
		return ""
	}
}

// rejectedLogs reads an ExportLogsServiceResponse.
func rejectedLogs(reply []byte) int {
	var told struct {
		PartialSuccess struct {
			RejectedLogRecords json.Number `json:"rejectedLogRecords"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(reply, &told) != nil {
		return 0
	}
	n, _ := strconv.Atoi(told.PartialSuccess.RejectedLogRecords.String())
	return n
}
