import java.io.FileInputStream;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Validates a path, leaf first, under the anchor in the last file. */
public class Path {
    public static void main(String[] files) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        List<X509Certificate> all = new ArrayList<>();
        for (String file : files) {
            try (FileInputStream in = new FileInputStream(file)) {
                all.add((X509Certificate) factory.generateCertificate(in));
            }
        }
        X509Certificate anchor = all.remove(all.size() - 1);
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(anchor, null)));
        parameters.setRevocationEnabled(false);
        CertPathValidator.getInstance("PKIX").validate(factory.generateCertPath(all), parameters);
        System.out.println("valid");
    }
}
