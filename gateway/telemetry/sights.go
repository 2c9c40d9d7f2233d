// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "github.com/prometheus/client_golang/prometheus"

// CacheSight is what can be seen of the caches of a process. The counts are since it began.
type CacheSight struct {
	// Bytes and Entries are of the answers in memory, QuestionBytes and Questions of the semantic cache's index.
	Bytes, Entries           int64
	QuestionBytes, Questions int64
	// Evicted answers, and QuestionsEvicted, had to make room for others.
	Evicted, QuestionsEvicted int64
	// Stored answers were put in memory; Purged were told to go; Followers were answered with what another request asked for.
	Stored, Purged, Followers int64
	// Corrupt values of the shared store could not be read; SharedLost answers did not get there; SharedEvicted had to make room
	// there for others; SharedFailed questions to it were in vain, or not asked because it was too slow.
	Corrupt, SharedLost, SharedEvicted, SharedFailed int64
}

// Caches shows the caches as they are when somebody looks, and nothing where there are none. It is safe for concurrent use, as far
// as its function is.
type Caches struct {
	look func() (CacheSight, bool)
}

// NewCaches gives a collector. look is false where no answer is kept.
func NewCaches(look func() (CacheSight, bool)) Caches { return Caches{look} }

// The values of the label "of".
const (
	ofAnswers   = "answers"
	ofQuestions = "questions"
)

var (
	cacheBytes = prometheus.NewDesc("spark_cache_bytes",
		"Memory that cached answers take, and the questions that the semantic cache knows.", []string{"of"}, nil)
	cacheEntries = prometheus.NewDesc("spark_cache_entries",
		"Cached answers in memory, and the questions that the semantic cache knows.", []string{"of"}, nil)
	cacheEvicted = prometheus.NewDesc("spark_cache_evicted_total",
		"Cached answers, and questions, that had to make room in memory for others.", []string{"of"}, nil)
	cacheStored    = prometheus.NewDesc("spark_cache_stored_total", "Answers that were put in memory.", nil, nil)
	cachePurged    = prometheus.NewDesc("spark_cache_purged_total", "Answers in memory that a purge removed.", nil, nil)
	cacheFollowers = prometheus.NewDesc("spark_cache_followers_total",
		"Requests that waited for the answer to another that asks the same.", nil, nil)
	cacheCorrupt = prometheus.NewDesc("spark_cache_corrupt_total", "Answers in the shared store that could not be read.", nil, nil)
	sharedLost   = prometheus.NewDesc("spark_cache_shared_lost_total", "Answers that the shared store did not get.", nil, nil)
	sharedOut    = prometheus.NewDesc("spark_cache_shared_evicted_total",
		"Answers that had to make room in the shared store for those of this pod.", nil, nil)
	sharedFailed = prometheus.NewDesc("spark_cache_shared_failed_total",
		"Requests for which the shared store could not say whether it has an answer, or was not asked as it was too slow.", nil, nil)
)

// Describe implements prometheus.Collector.
func (Caches) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		cacheBytes, cacheEntries, cacheEvicted, cacheStored, cachePurged, cacheFollowers, cacheCorrupt, sharedLost, sharedOut, sharedFailed,
	} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (c Caches) Collect(metrics chan<- prometheus.Metric) {
	seen, there := c.look()
	if !there {
		return
	}
	for _, m := range []struct {
		what               *prometheus.Desc
		kind               prometheus.ValueType
		answers, questions int64
	}{
		{cacheBytes, prometheus.GaugeValue, seen.Bytes, seen.QuestionBytes},
		{cacheEntries, prometheus.GaugeValue, seen.Entries, seen.Questions},
		{cacheEvicted, prometheus.CounterValue, seen.Evicted, seen.QuestionsEvicted},
	} {
		metrics <- prometheus.MustNewConstMetric(m.what, m.kind, float64(m.answers), ofAnswers)
		metrics <- prometheus.MustNewConstMetric(m.what, m.kind, float64(m.questions), ofQuestions)
	}
	for _, m := range []struct {
		what *prometheus.Desc
		n    int64
	}{
		{cacheStored, seen.Stored}, {cachePurged, seen.Purged}, {cacheFollowers, seen.Followers}, {cacheCorrupt, seen.Corrupt},
		{sharedLost, seen.SharedLost}, {sharedOut, seen.SharedEvicted}, {sharedFailed, seen.SharedFailed},
	} {
		metrics <- prometheus.MustNewConstMetric(m.what, prometheus.CounterValue, float64(m.n))
	}
}

// ErrorSight is what can be seen of the errors of a process. But for Groups it counts since the process began.
type ErrorSight struct {
	// Errors and Warnings are requests, by whose fault they failed: see config.LevelError.
	Errors, Warnings int64
	// Groups are remembered now; Forgotten had to make room for others.
	Groups, Forgotten int64
	// SentryDropped and WebhookDropped were due to be told, and were not.
	SentryDropped, WebhookDropped int64
}

// Errors shows the errors as they are when somebody looks. It is safe for concurrent use, as far as its function is.
type Errors struct {
	look func() ErrorSight
}

// NewErrors gives a collector.
func NewErrors(look func() ErrorSight) Errors { return Errors{look} }

var (
	errorsSeen = prometheus.NewDesc("spark_errors_total",
		"Requests that failed: by a fault of the gateway or a provider (error), or by their own (warning).", []string{"level"}, nil)
	errorGroups = prometheus.NewDesc("spark_error_groups", "Ways in which requests failed that are remembered.", nil, nil)
	errorsOut   = prometheus.NewDesc("spark_error_groups_forgotten_total",
		"Ways in which requests failed that were forgotten to make room for others.", nil, nil)
	hookDropped = prometheus.NewDesc("spark_error_hook_dropped_total",
		"What was due to be told of errors and was not, by who should have been told.", []string{"hook"}, nil)
)

// Describe implements prometheus.Collector.
func (Errors) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{errorsSeen, errorGroups, errorsOut, hookDropped} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (e Errors) Collect(metrics chan<- prometheus.Metric) {
	seen := e.look()
	counter := func(what *prometheus.Desc, n int64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(what, prometheus.CounterValue, float64(n), labels...)
	}
	counter(errorsSeen, seen.Errors, "error")
	counter(errorsSeen, seen.Warnings, "warning")
	metrics <- prometheus.MustNewConstMetric(errorGroups, prometheus.GaugeValue, float64(seen.Groups))
	counter(errorsOut, seen.Forgotten)
	counter(hookDropped, seen.SentryDropped, "sentry")
	counter(hookDropped, seen.WebhookDropped, "webhook")
}
