package evidence

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// A Sentence says the same in both languages.
type Sentence struct{ English, Japanese string }

func both(english, japanese string) Sentence { return Sentence{english, japanese} }

// words are the statuses as people read them.
var words = map[Status]Sentence{
	Good:    both("good: not revoked", "有効(失効していない)"),
	Revoked: both("revoked", "失効"),
	OnHold:  both("on hold", "一時停止"),
	NotListed: both("not on the revocation list (whether a certificate with this serial exists, a list does not say)",
		"失効リストに載っていない(この番号の証明書が存在するか否かは、リストからは分からない)"),
	NeverIssued: both("never issued, says the responder", "発行されていない(OCSP 応答による)"),
	Unknown:     both("unknown to the responder", "OCSP 応答では不明"),
	Released:    both("released from hold", "一時停止解除"),
}

// Sentences say what the answer is, for people.
func (a *Answer) Sentences() []Sentence {
	out := []Sentence{
		both(fmt.Sprintf("Certificate %s of %s (%s).", a.Serial, a.Issuer, a.Subject),
			fmt.Sprintf("発行者 %s(%s)の証明書 %s。", a.Issuer, a.Subject, a.Serial)),
		said("What relying parties could know at %s: %s.", "%s の時点で署名検証者が知り得た状態: %s。", a.Time, a.Then),
		said("What is known today about %s: %s.", "%s の状態について今日知られていること: %s。", a.Time, a.Today.Claim),
	}
	if l := a.Today.Later; l != nil && a.Today.Status != Revoked {
		out = append(out, said("After %s it was revoked: %s.", "%s より後に失効した: %s。", a.Time, *l))
		if l.InvalidSince != nil && !l.InvalidSince.After(a.Time) {
			out = append(out, both(
				fmt.Sprintf("The CA states that the key must not be trusted from %s on, which is before the time "+
					"asked about.", stamp(*l.InvalidSince)),
				fmt.Sprintf("認証局は、%s 以降この鍵を信頼してはならないとしている。これは問われた時刻より前である。", stamp(*l.InvalidSince))))
		}
	}
	if a.NotAfter != nil && a.Time.After(*a.NotAfter) {
		out = append(out, both(
			fmt.Sprintf("The certificate had expired at %s; lists and responses need not speak of it any more.",
				stamp(*a.NotAfter)),
			fmt.Sprintf("証明書の有効期間は %s に満了しており、失効リスト及び OCSP 応答に載っていなくてもよい。", stamp(*a.NotAfter))))
	}
	out = append(out, both(
		fmt.Sprintf("All this is from the log %s as it was at %d entries.", a.Log.Origin, a.Log.Size),
		fmt.Sprintf("以上は、記録 %s の %d 項目までによる。", a.Log.Origin, a.Log.Size)))
	for _, s := range a.Sources {
		out = append(out, s.sentence(a.Time))
	}
	return append(out, a.following()...)
}

// following says of which lists the numbers show that none lies between them.
func (a *Answer) following() []Sentence {
	var out []Sentence
	for _, s := range a.Sources {
		for _, t := range a.Sources {
			if s.Role != RoleThen || t.Role == RoleThen || s.Name != t.Name || s.Bundle != "" ||
				!follows(s.Number, t.Number) {
				continue
			}
			out = append(out, both(
				fmt.Sprintf("The numbers %s and %s of %s follow each other: there was no list of this name "+
					"between them.", s.Number, t.Number, s.Name),
				fmt.Sprintf("%s の番号 %s と %s は連続しており、その間にこの名前のリストはない。", s.Name, s.Number, t.Number)))
		}
	}
	return out
}

func follows(a, b string) bool {
	x, ok := new(big.Int).SetString(a, 10)
	y, ok2 := new(big.Int).SetString(b, 10)
	return ok && ok2 && x.Add(x, big.NewInt(1)).Cmp(y) == 0
}

func said(english, japanese string, at time.Time, c Claim) Sentence {
	w := words[c.Status]
	if c.Since != nil {
		w.English += " since " + stamp(*c.Since)
		w.Japanese += " " + stamp(*c.Since) + " から"
	}
	if c.Reason != "" {
		w.English += ", reason " + c.Reason
		w.Japanese += "、理由 " + c.Reason
	}
	if c.InvalidSince != nil {
		w.English += ", key not to be trusted since " + stamp(*c.InvalidSince)
		w.Japanese += "、鍵を信頼できない時刻 " + stamp(*c.InvalidSince)
	}
	return both(fmt.Sprintf(english, stamp(at), w.English), fmt.Sprintf(japanese, stamp(at), w.Japanese))
}

// roles are why a source is there.
var roles = map[Role]Sentence{
	RoleThen: both("in force then", "当時有効"),
	RoleNext: both("the next of its name", "その次"),
	RoleLast: both("the last word", "最後のもの"),
	RoleSays: both("a later one that names it", "後に記載したもの"),
}

func (s *Source) sentence(at time.Time) Sentence {
	r, w := roles[s.Role], words[s.Says.Status]
	what := fmt.Sprintf("%s %s", s.Kind, s.Name)
	if s.Number != "" {
		what += ", " + s.Number
	}
	until := "-"
	if s.NextUpdate != nil {
		until = stamp(*s.NextUpdate)
	}
	en := fmt.Sprintf("- %s (%s): %s; thisUpdate %s, nextUpdate %s; SHA-256 %s; recorded %s as entry %d",
		what, r.English, w.English, stamp(s.ThisUpdate), until, s.SHA256, stamp(s.Recorded), s.Entry)
	ja := fmt.Sprintf("- %s(%s): %s。thisUpdate %s、nextUpdate %s、SHA-256 %s、記録 %s(項目 %d)",
		what, r.Japanese, w.Japanese, stamp(s.ThisUpdate), until, s.SHA256, stamp(s.Recorded), s.Entry)
	if t := s.Stamped; t != nil {
		en += fmt.Sprintf("; time-stamped by others at %s", stamp(t.Time))
		ja += fmt.Sprintf("、第三者の時刻印 %s", stamp(t.Time))
		if s.Role == RoleThen && t.Time.After(at) {
			en += ", which is after the time asked about: until then only the log's own clock says when"
			ja += "(問われた時刻より後であり、それまでの時刻は記録自身の時計による)"
		}
	} else {
		en += "; no time-stamp: only the log's own clock says when"
		ja += "、時刻印なし(時刻は記録自身の時計による)"
	}
	if s.Bundle != "" {
		en += fmt.Sprintf("; a response of the bundle with the SHA-256 %s", s.Bundle)
		ja += fmt.Sprintf("、SHA-256 が %s である束の中の応答", s.Bundle)
	}
	if !s.Included {
		en += fmt.Sprintf("; NOT IN THIS FILE, which it does not fit: the master has it as %s", s.Master)
		ja += fmt.Sprintf("。大きいためこの文書には含まれない。正本では %s", s.Master)
	}
	return both(strings.TrimSpace(en)+".", strings.TrimSpace(ja)+"。")
}
