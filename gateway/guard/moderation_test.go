// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppendModeration(t *testing.T) {
	for name, test := range map[string]struct {
		model string
		texts []string
		want  string
	}{
		"one":                  {"omni-moderation-latest", []string{"a"}, `{"model":"omni-moderation-latest","input":["a"]}`},
		"several":              {"m", []string{"a", "", "\"b\"\n"}, `{"model":"m","input":["a","","\"b\"\n"]}`},
		"none":                 {"m", nil, `{"model":"m","input":[]}`},
		"what is no text":      {`m"`, []string{"\xff"}, `{"model":"m\"","input":["` + "\ufffd" + `"]}`},
		"what another escapes": {"m", []string{"<\u2028>"}, `{"model":"m","input":["<` + "\u2028" + `>"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			var inputs [][]byte
			for _, text := range test.texts {
				inputs = append(inputs, []byte(text))
			}
			got := string(AppendModeration([]byte("x"), test.model, inputs))
			if diff := cmp.Diff("x"+test.want, got); diff != "" || !json.Valid([]byte(got[1:])) {
				t.Error(diff)
			}
		})
	}
}

// As OpenAI's reference shows it.
const omniAnswer = `{"id":"modr-970d409ef3bef3b70c73d8232df86e7d","model":"omni-moderation-latest","results":[{"flagged":true,` +
	`"categories":{"sexual":false,"sexual/minors":false,"harassment":false,"harassment/threatening":false,"hate":false,` +
	`"hate/threatening":false,"illicit":null,"illicit/violent":false,"self-harm":false,"self-harm/intent":false,` +
	`"self-harm/instructions":false,"violence":true,"violence/graphic":false},"category_scores":{"sexual":2.34135824776394e-7,` +
	`"sexual/minors":1.6346470245419304e-7,"harassment":0.0011643905680426018,"harassment/threatening":0.0022121340080906377,` +
	`"hate":3.1999824407395835e-7,"hate/threatening":2.4923252458203563e-7,"illicit":null,` +
	`"illicit/violent":3.682979260160596e-7,"self-harm":0.0011175734280627694,"self-harm/intent":0.0006264858507989037,` +
	`"self-harm/instructions":7.368592981140821e-8,"violence":0.8599265510337075,"violence/graphic":0.37701736389561064},` +
	`"category_applied_input_types":{"sexual":["text"]}}]}`

func result(flagged string, categories, scores string) string {
	return fmt.Sprintf(`{"flagged":%s,"categories":{%s},"category_scores":{%s}}`, flagged, categories, scores)
}

func results(all ...string) string { return `{"results":[` + strings.Join(all, ",") + `]}` }

func TestReadModeration(t *testing.T) {
	none := result("false", `"hate":false`, `"hate":0.1`)
	for name, test := range map[string]struct {
		body       string
		n          int
		thresholds map[string]int64
		want       Verdict
	}{
		"the provider's example": {omniAnswer, 1, nil, Verdict{Reason: "violence", Categories: []string{"violence"}}},
		"of two one is flagged": {
			results(none, result("true", `"hate":true,"violence":true`, ``)), 2, nil,
			Verdict{Reason: "hate, violence", Categories: []string{"hate", "violence"}},
		},
		"two are flagged for the same": {
			results(result("true", `"hate":true`, ``), result("true", `"hate":true`, ``)), 2, nil,
			Verdict{Reason: "hate", Categories: []string{"hate"}},
		},
		"none is flagged":           {results(none, none), 2, nil, Verdict{Allow: true}},
		"nothing was asked":         {results(), 0, nil, Verdict{Allow: true}},
		"flagged without a why":     {results(result("true", `"hate":false`, ``)), 1, nil, Verdict{Reason: "flagged", Categories: []string{"flagged"}}},
		"a category not flagged":    {results(result("false", `"hate":true`, ``)), 1, nil, Verdict{Allow: true}},
		"a score at its threshold":  {results(result("false", ``, `"hate":0.29`)), 1, map[string]int64{"hate": 290_000}, Verdict{Reason: "hate", Categories: []string{"hate"}}},
		"a score below it":          {results(result("true", `"hate":true`, `"hate":0.289999`)), 1, map[string]int64{"hate": 290_000}, Verdict{Allow: true}},
		"one score of several":      {omniAnswer, 1, map[string]int64{"violence": 990_000, "violence/graphic": 300_000}, Verdict{Reason: "violence/graphic", Categories: []string{"violence/graphic"}}},
		"scores of others":          {results(result("true", ``, `"hate":0.1,"violence":1`)), 1, map[string]int64{"hate": 500_000}, Verdict{Allow: true}},
		"the second of two":         {results(none, result("false", ``, `"hate":1`)), 2, map[string]int64{"hate": 500_000}, Verdict{Reason: "hate", Categories: []string{"hate"}}},
		"a score of the least kind": {results(result("false", ``, `"hate":0`)), 1, map[string]int64{"hate": 0}, Verdict{Reason: "hate", Categories: []string{"hate"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadModeration([]byte(test.body), test.n, test.thresholds)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestWhatIsNoModeration(t *testing.T) {
	hate := map[string]int64{"hate": 500_000}
	for name, test := range map[string]struct {
		body       string
		n          int
		thresholds map[string]int64
	}{
		"nothing":                               {``, 1, nil},
		"an error":                              {`{"error":{"message":"no"}}`, 1, nil},
		"fewer results":                         {results(), 1, nil},
		"more results":                          {omniAnswer, 0, nil},
		"one for several":                       {omniAnswer, 2, nil},
		"results that are none":                 {`{"results":null}`, 1, nil},
		"a result that is null":                 {`{"results":[null]}`, 1, nil},
		"no opinion":                            {`{"results":[{"categories":{"hate":false}}]}`, 1, nil},
		"an opinion that is a text":             {results(result(`"false"`, ``, ``)), 1, nil},
		"two opinions":                          {`{"results":[{"flagged":true,"flagged":false}]}`, 1, nil},
		"no score for a threshold":              {results(result("false", ``, `"violence":0`)), 1, hate},
		"a score that is null":                  {results(result("false", ``, `"hate":null`)), 1, hate},
		"a score that is a text":                {results(result("false", ``, `"hate":"0"`)), 1, hate},
		"a negative score":                      {results(result("false", ``, `"hate":-0.1`)), 1, hate},
		"a score above one":                     {results(result("false", ``, `"hate":1.1`)), 1, hate},
		"a score that no number can hold":       {results(result("false", ``, `"hate":1e999`)), 1, hate},
		"no score of the second":                {results(result("false", ``, `"hate":0`), result("false", ``, ``)), 2, hate},
		"a category of the model's own null":    {omniAnswer, 1, map[string]int64{"illicit": 500_000}},
		"a category that the model has not":     {omniAnswer, 1, map[string]int64{"spam": 500_000}},
		"a depth in what is not read":           {`{"x":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `,"results":[]}`, 0, nil},
		"a category that stands there twice":    {results(result("true", `"hate":true,"hate":false`, ``)), 1, nil},
		"something behind the end of an answer": {results() + `x`, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadModeration([]byte(test.body), test.n, test.thresholds)
			if diff := cmp.Diff(Verdict{}, got); diff != "" {
				t.Error(diff)
			}
			if failure := (*Error)(nil); !errors.As(err, &failure) || failure.Failure != FailureMalformed {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzReadModeration(f *testing.F) {
	f.Add([]byte(omniAnswer), 1, "violence", int64(500_000))
	f.Add([]byte(results()), 0, "", int64(0))
	f.Add([]byte(results(result("true", `"a b":true`, `"a b":1`))), 1, "a b", int64(1))
	f.Fuzz(func(t *testing.T, body []byte, n int, category string, least int64) {
		thresholds := map[string]int64{category: least}
		if category == "" {
			thresholds = nil
		}
		v, err := ReadModeration(body, n, thresholds)
		if err != nil {
			if diff := cmp.Diff(Verdict{}, v); diff != "" || err.Error() != "the guard gave no verdict: malformed" {
				t.Errorf("%v %s", err, diff)
			}
			return
		}
		checkVerdict(t, v, n)
		if v.Allow != (len(v.Categories) == 0) || v.Replace != nil {
			t.Errorf("%+v", v)
		}
		if again, _ := ReadModeration(body, n, thresholds); !cmp.Equal(v, again) {
			t.Errorf("%+v, then %+v", v, again)
		}
	})
}
