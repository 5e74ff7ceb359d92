import java.io.FileInputStream;
import java.security.cert.CRLReason;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509CRLEntry;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Reads CRLs: {@code -- ca.pem x.crl y.crl -- other.pem z.crl}. Verifies each and prints its entries. */
class ReadCRL {
    public static void main(String[] args) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        X509Certificate ca = null;
        for (int i = 0; i < args.length; i++) {
            boolean isCA = args[i].equals("--");
            try (FileInputStream in = new FileInputStream(args[isCA ? ++i : i])) {
                if (isCA) {
                    ca = (X509Certificate) factory.generateCertificate(in);
                    continue;
                }
                X509CRL crl = (X509CRL) factory.generateCRL(in);
                crl.verify(ca.getPublicKey());
                List<X509CRLEntry> entries = new ArrayList<>();
                if (crl.getRevokedCertificates() != null) {
                    entries.addAll(crl.getRevokedCertificates());
                }
                entries.sort(Comparator.comparing(X509CRLEntry::getSerialNumber));
                List<CRLReason> reasons = new ArrayList<>();
                for (X509CRLEntry e : entries) {
                    reasons.add(e.getRevocationReason());
                }
                System.out.println("version " + crl.getVersion() + " " + crl.getSigAlgName()
                        + " entries " + entries.size() + " reasons " + reasons);
            }
        }
    }
}
