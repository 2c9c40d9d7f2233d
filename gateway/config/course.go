// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// CoursesPath gives the Course of the request whose ID follows it by GET, or 404 where it is not kept.
const CoursesPath = "/v1/requests/"

// CourseHeader is a field that a request bears, with any value, so that its Course is kept. It is not sent to providers.
const CourseHeader = "X-Spark-Debug"

// Course is what became of a request that is over. It holds no secret, and nothing that the client wrote but a
// model's name.
type Course struct {
	// ID is the request's, as its answer bore it.
	ID string `json:"id"`
	// Key is "namespace/name" of the APIKey, Route that of the ModelRoute; empty where there was none.
	Key   string `json:"key,omitempty"`
	Route string `json:"route,omitempty"`
	// Status, Outcome and Reason are what the client was told, as in the access log.
	Status  int    `json:"status"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	// Cache is "hit", "miss" or "bypass", CacheTier where the answer was and CacheWhy why it was not looked up; empty without a cache.
	Cache     string `json:"cache,omitempty"`
	CacheTier string `json:"cacheTier,omitempty"`
	CacheWhy  string `json:"cacheWhy,omitempty"`
	// Findings are the sanitizer's words for what it found, separated by ", ".
	Findings string `json:"findings,omitempty"`
	// DurationMS is milliseconds until the request was over.
	DurationMS float64 `json:"durationMs"`
	// Attempts are all that were made, in the order in which they began: none where the gateway answered by itself.
	Attempts []CourseAttempt `json:"attempts"`
}

// CourseAttempt is one attempt of a Course.
type CourseAttempt struct {
	// Kind is a word such as "first", "retry", "failover" or "hedge".
	Kind string `json:"kind"`
	// Provider is a Provider.ID, Model the name in the configuration and UpstreamModel the provider's own.
	Provider      string `json:"provider"`
	Model         string `json:"model,omitempty"`
	UpstreamModel string `json:"upstreamModel,omitempty"`
	// UpstreamStatus is what the provider answered, 0 where it did not. Outcome and Reason say how the attempt ended.
	UpstreamStatus int    `json:"upstreamStatus,omitempty"`
	Outcome        string `json:"outcome"`
	Reason         string `json:"reason,omitempty"`
	// StartMS is milliseconds since the request's start; DurationMS and, 0 where nothing came, FirstMS since the attempt's.
	StartMS    float64 `json:"startMs"`
	DurationMS float64 `json:"durationMs"`
	FirstMS    float64 `json:"firstMs,omitempty"`
	// Tokens of prompt and answer, as far as known.
	Tokens int64 `json:"tokens,omitempty"`
}
