package books

import (
	"fmt"
	"strings"
	"time"

	"seihon/internal/config"
)

// LineIn is the summary in Japanese (ja) or English.
func (s *Status) LineIn(lang string) string {
	if lang != "ja" {
		return s.Line()
	}
	parts := []string{"まだ何も署名されていない"}
	if !s.FirstExpiry.IsZero() {
		parts[0] = fmt.Sprintf("有効期限までの残り時間 %s：最初に切れるのは %s（%s）、署名済みで未記録のもの %d 件",
			spanJA(s.FirstExpiry.Sub(s.Now)), s.FirstExpiryName, s.FirstExpiry.Format(time.RFC3339), s.Uncommitted)
	}
	if n := s.Unsigned(); n > 0 && !s.FirstExpiry.IsZero() {
		parts = append(parts, fmt.Sprintf("記録済みで未署名の状態の変更 %d 件（`signer run` を実行し、その表示を読む）", n))
	}
	if n := len(s.Refused); n > 0 {
		parts = append(parts, fmt.Sprintf("拒否された入力 %d 件（最後は %s。対処の後、フォルダ refused から除く）", n, s.Refused[n-1]))
	}
	for _, r := range s.Overdue() {
		parts = append(parts,
			fmt.Sprintf("文書 %q の見直しの期日は %s（見直しを行い、`signer evidence` で記録する）", r.Kind, r.Due.Format(time.DateOnly)))
	}
	for _, d := range s.Documents {
		parts = append(parts, d.wordsJA())
	}
	if s.Policy == config.PolicyTrial {
		parts = append(parts, "signer.policy は trial である。この署名室の鍵は、認定を受けた認証局のものではない")
	}
	return strings.Join(parts, "；")
}

// spanJA writes a time that is left, in minutes.
func spanJA(d time.Duration) string {
	sign, minutes := "", int64(d/time.Minute)
	if minutes < 0 {
		sign, minutes = "-", -minutes
	}
	return fmt.Sprintf("%s%d 時間 %d 分", sign, minutes/60, minutes%60)
}
