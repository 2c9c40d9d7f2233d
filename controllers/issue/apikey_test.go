// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package issue_test

import (
	"testing"

	"github.com/sparkgateway/spark/controllers/issue"
)

func TestKeysAreGeneratedAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key := issue.NewAPIKey()
		if !issue.IsAPIKey(key) || seen[key] {
			t.Fatalf("key %q has another form, or was there before", key)
		}
		seen[key] = true
	}
}

// Keys that were issued by earlier versions are still keys.
func TestAKeyOfAnEarlierVersion(t *testing.T) {
	for key, want := range map[string]bool{
		"spark-LfQI7Kd23qAFziCKKYSSrOGPh17J1O0GovRojkXEsGD0cPFP5": true, "spark-another": false, "": false,
	} {
		if got := issue.IsAPIKey(key); got != want {
			t.Errorf("%s: %t", key, got)
		}
	}
}
