// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// cacheSight is what metrics show of the caches; false where no answer is kept.
func (l *Living) cacheSight() (telemetry.CacheSight, bool) {
	if l.cacheBytes.Load() == 0 {
		return telemetry.CacheSight{}, false
	}
	answers, questions := l.cache.Stats(), l.meanings.Stats()
	seen := telemetry.CacheSight{
		Bytes: answers.Bytes, Entries: int64(answers.Entries), QuestionBytes: questions.Bytes, Questions: int64(questions.Entries),
		Evicted: answers.Evicted, QuestionsEvicted: int64(questions.Evicted), //nolint:gosec // A count of what happened.
		Stored: answers.Stored, Purged: answers.Purged, Followers: answers.Followers, Corrupt: answers.Corrupt,
	}
	if s := l.sharing.current.Load(); s != nil && l.sharesAnswers.Load() {
		shared := s.answers().Counts()
		seen.SharedLost, seen.SharedEvicted, seen.SharedFailed = shared.Dropped+shared.Refused, shared.Evicted, shared.Failed+shared.Skipped
	}
	return seen, true
}

// errorSight is what metrics show of errors.
func (l *Living) errorSight() telemetry.ErrorSight {
	s := l.errors.Stats()
	return telemetry.ErrorSight{
		Groups: int64(s.Groups), Errors: s.Errors, Warnings: s.Warnings, Forgotten: s.Forgotten,
		SentryDropped: s.SentryDropped, WebhookDropped: s.WebhookDropped,
	}
}
