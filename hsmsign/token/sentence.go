package token

import "strings"

// sentence returns the sentence of the report that the finding with this code rests on, and what it says in English.
func sentence(code string) (quote, gloss string) {
	switch {
	case code == "hsm-cloud":
		return "当面は現行の基準とし、クラウド HSM の利活用拡大や HSM に特化した監査に関する基準等の動向に注視しつつ、必要に応じて改めて検討を行うべきである。",
			"for the time being the present standard stays; the use of cloud HSMs is to be considered anew when " +
				"needed (3-3)"
	case code == "hsm-shared":
		return "①と同様に当面は現行の基準とし、必要に応じて改めて検討を行うべきである。",
			"for the time being the present standard stays for shared HSMs as for cloud HSMs (3-3)"
	case code == "hsm-network":
		return "ネットワーク型 HSM 利用時特有のリスクへの対処・利用時の基準の明確化に向けた検討をすることが考えられる。",
			"what is peculiar to HSMs that are operated over a network remains to be settled (3-3)"
	case code == "fips-140-2", code == "fips-140-2-historical", code == "fips-140-3-due":
		return "令和 10 年(2028 年)中を目途に FIPS140-3 のレベル3と同等以上の機器への移行を求めることが基本的な考え方",
			"in principle, the move to devices equivalent to FIPS 140-3 level 3 or better is asked for by 2028 (3-2)"
	case strings.HasPrefix(code, "fips-"):
		return "足下では FIPS140-2 のレベル3と同等以上とすることを認定基準として求めるべきである。",
			"at present, equivalence to FIPS 140-2 level 3 or better should be asked for (3-2)"
	case strings.HasPrefix(code, "key-"):
		return "耐タンパ性の確保等によりセキュリティが確保された状態で鍵を保管・利用することができる暗号装置はハードウェア・セキュリティ・モジュール(HSM)と呼ばれ",
			"an HSM keeps and uses keys in a state that is secured, by tamper resistance and the like (3-2)"
	}
	return "事実上、認定認証事業者及びこの委託先が管理するオンプレミス環境の利用を前提としている。",
		"in effect, an environment on premises that the accredited operator manages is presumed (3-3)"
}
