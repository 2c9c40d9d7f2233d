// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

const (
	manyKeys   = 1000
	manyModels = 50
)

// The bounds that the page states: samples of one scrape as text.
const (
	boundWithoutKeys = 14_400
	boundWithKeys    = boundWithoutKeys + 3*(manyKeys+1)
)

// at is when the traffic ends.
var at = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// outcomes are what a gateway sees on a bad day.
var outcomes = []exchange.Outcome{exchange.OK, exchange.ProviderFailed, exchange.ClientGone, exchange.Limited}

// traffic is a request of every key for every model, which are of five providers, with a retry of one in two, and as many outcomes
// as there are; one in three is for vectors.
func traffic(m *telemetry.Metrics, perKey int) {
	ids := make([]string, manyKeys)
	for i := range ids {
		ids[i] = fmt.Sprintf("team/key-%d", i)
	}
	keys := m.Keys(ids, perKey)
	var series [manyModels]*telemetry.Series
	for i := range series {
		series[i] = m.Series(fmt.Sprintf("team/provider-%d", i%5), fmt.Sprintf("model-%d", i))
	}
	nowhere := m.Series("", "")
	m.Sweep()
	n := 0
	for place := range ids {
		for _, s := range series {
			ex := request(n)
			if s.Settle(ex, at); ex.Outcome == exchange.Limited {
				nowhere.Settle(ex, at)
			}
			s.SettleAttempt(&ex.Attempt)
			if n%2 == 0 {
				ex.Kind = exchange.RetryAttempt
				s.SettleAttempt(&ex.Attempt)
			}
			keys.Settle(place, exchange.Use{Tokens: ex.Usage.Total, Cost: ex.Cost})
			n++
		}
	}
}

func request(n int) *exchange.Exchange {
	ex := &exchange.Exchange{Operation: exchange.Chat, Stream: n%2 == 0, Start: at.Add(-2 * time.Second)}
	if n%3 == 0 {
		ex.Operation, ex.Stream = exchange.Embeddings, false
	}
	ex.Attempt = exchange.Attempt{
		Began: at.Add(-1900 * time.Millisecond), FirstToken: at.Add(-1500 * time.Millisecond), Ended: at,
		Outcome: outcomes[n/7%len(outcomes)], Cost: config.Dollar / 100, Priced: true,
		Usage: exchange.Usage{Prompt: 100, Completion: 20, Total: 120, Cached: 10, Source: exchange.UsageReported},
	}
	return ex
}

func TestCardinalityIsBounded(t *testing.T) {
	for name, tc := range map[string]struct{ perKey, bound int }{
		"without metrics of keys": {0, boundWithoutKeys},
		"with those of all keys":  {manyKeys, boundWithKeys},
		"with those of ten keys":  {10, boundWithoutKeys + 3*11},
	} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			traffic(telemetry.NewMetrics(reg), tc.perKey)
			families, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			Check(t, text(t, families), page)
			n, keys, targets := samples(families), series(families, "spark_key_requests_total"), series(families, "spark_requests_total")
			t.Logf("%d samples", n)
			if n > tc.bound || n < tc.bound*8/10 {
				t.Errorf("%d samples, stated are at most %d, and not much less", n, tc.bound)
			}
			wantKeys := tc.perKey
			if tc.perKey > 0 && tc.perKey < manyKeys {
				wantKeys++ // the others
			}
			if keys != wantKeys || targets != manyModels*len(outcomes)+1 {
				t.Errorf("%d keys, %d of targets and outcomes", keys, targets)
			}
		})
	}
}

// samples counts the lines that a scrape as text has: of a histogram, each bucket, that of all, the sum and the count.
func samples(families []*dto.MetricFamily) (n int) {
	for _, family := range families {
		for _, metric := range family.Metric {
			if h := metric.GetHistogram(); h != nil {
				n += len(h.Bucket) + 3
			} else {
				n++
			}
		}
	}
	return n
}

// text gives families as they are scraped.
func text(t *testing.T, families []*dto.MetricFamily) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func series(families []*dto.MetricFamily, name string) int {
	for _, family := range families {
		if family.GetName() == name {
			return len(family.Metric)
		}
	}
	return 0
}

func TestThePageStatesTheBounds(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{boundWithoutKeys, boundWithKeys} {
		text := fmt.Sprintf("**%d,%03d**", n/1000, n%1000)
		if !strings.Contains(string(raw), text) {
			t.Errorf("the page does not state %s", text)
		}
	}
}
