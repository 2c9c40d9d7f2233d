// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"strconv"
	"strings"

	"github.com/sparkgateway/spark/gateway/config"
)

// CSVHeader is the first line of records as CSV (RFC 4180, with its end of line): the names of the fields in JSON.
const CSVHeader = "id,time,key,principal,user,team,policies,route,provider,model,upstreamModel,operation,dialect,stream," +
	"tokensIn,tokensOut,tokensCached,tokensCacheWrite,tokensReasoning,cost,priced,source,outcome,reason,status,attempts," +
	"latencyMs,firstTokenMs,cache,tokensSaved,costSaved,findings,shadowed,bytesIn,bytesOut\r\n"

// AppendCSV appends a record as a row under CSVHeader. Policies are separated by spaces. A text that a spreadsheet would take
// for a formula begins with a "'" more.
func AppendCSV(dst []byte, r *Record) []byte {
	dst = appendCell(dst, r.ID)
	dst = config.AppendTime(append(dst, ','), r.Time)
	for _, f := range r.head() {
		dst = appendCell(append(dst, ','), f.value)
	}
	dst = append(dst, ',')
	if len(r.Policies) > 0 {
		dst = AppendCell(dst, strings.Join(r.Policies[:min(len(r.Policies), MaxPolicies)], " "))
	}
	for _, f := range r.target() {
		dst = appendCell(append(dst, ','), f.value)
	}
	dst = strconv.AppendBool(append(dst, ','), r.Stream)
	for _, f := range r.tokens() {
		dst = strconv.AppendInt(append(dst, ','), f.value, 10)
	}
	dst = r.Cost.AppendTo(append(dst, ','))
	dst = strconv.AppendBool(append(dst, ','), r.Priced)
	for _, f := range r.end() {
		dst = appendCell(append(dst, ','), f.value)
	}
	for _, f := range r.times() {
		dst = strconv.AppendInt(append(dst, ','), f.value, 10)
	}
	dst = appendCell(append(dst, ','), r.Cache)
	dst = strconv.AppendInt(append(dst, ','), r.TokensSaved, 10)
	dst = r.CostSaved.AppendTo(append(dst, ','))
	dst = appendCell(append(dst, ','), r.Findings)
	dst = appendCell(append(dst, ','), r.Shadowed)
	dst = strconv.AppendInt(append(dst, ','), r.BytesIn, 10)
	dst = strconv.AppendInt(append(dst, ','), r.BytesOut, 10)
	return append(dst, '\r', '\n')
}

func appendCell(dst []byte, s string) []byte { return AppendCell(dst, bounded(s)) }

// AppendCell appends a text as one value of CSV, in quotes where it needs them and harmless to spreadsheets.
func AppendCell(dst []byte, s string) []byte {
	formula := s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0
	if !formula && !strings.ContainsAny(s, ",\"\r\n") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	if formula {
		dst = append(dst, '\'')
	}
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}
