// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// BenchmarkCompile tells what a key costs, of those that have nothing but a user, and of those that have a team, limits and a
// budget, with policies over them. That the cost of one is the same of a thousand and of a hundred thousand says that
// compiling is linear. "shard" is the largest part: it must stay below config.MaxPartBytes.
func BenchmarkCompile(b *testing.B) {
	for _, size := range []int{1000, 20_000, 100_000} {
		for kind, edit := range map[string]func(*compiler.Input){"plain": func(*compiler.Input) {}, "full": furnish} {
			b.Run(fmt.Sprintf("%s/%d", kind, size), func(b *testing.B) {
				in := crowd(size)
				edit(&in)
				b.ReportAllocs()
				var out compiler.Output
				for b.Loop() {
					out = compiler.Compile(in)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/key")
				largest, all := 0, 0
				for i := range config.KeyShards {
					n := len(out.Bundle.Parts[config.ShardPart(i)])
					largest, all = max(largest, n), all+n
				}
				b.ReportMetric(float64(largest), "B/shard")
				b.ReportMetric(float64(all)/float64(size), "B/key")
			})
		}
	}
}

// furnish gives every key a team, limits and a budget, and every tenth team a policy.
func furnish(in *compiler.Input) {
	for i := range in.Keys {
		k := &in.Keys[i]
		k.Labels = map[string]string{"team": fmt.Sprintf("team-%03d", i%500), "other": "label"}
		k.Spec.Limits = &v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{{Count: 60, Per: "1m"}}, Tokens: []v1alpha1.TokenLimit{{Count: 50_000, Per: "1m"}}}
		k.Spec.Budgets = []v1alpha1.Budget{{Amount: "50.00", Per: "Month"}}
	}
	for i := range 50 {
		in.Policies = append(in.Policies, usagePolicy(fmt.Sprintf("team-%03d", i*10), over(metav1.LabelSelector{
			MatchLabels: map[string]string{"team": fmt.Sprintf("team-%03d", i*10)}})))
	}
}
