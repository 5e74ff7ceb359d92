import java.io.FileInputStream;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Validates CERT under SUB and ROOT with revocation by "ocsp" or "crl" alone, or by OCSP of CERT alone ("leaf"); prints VALID, or why not. */
public class Validate {
    public static void main(String[] args) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        X509Certificate[] certs = new X509Certificate[3];
        for (int i = 0; i < 3; i++) {
            try (FileInputStream in = new FileInputStream(args[i + 1])) {
                certs[i] = (X509Certificate) factory.generateCertificate(in);
            }
        }
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        EnumSet<PKIXRevocationChecker.Option> options = EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK);
        if (args[0].equals("crl")) {
            options.add(PKIXRevocationChecker.Option.PREFER_CRLS);
        } else if (args[0].equals("leaf")) {
            options.add(PKIXRevocationChecker.Option.ONLY_END_ENTITY);
        }
        checker.setOptions(options);
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(certs[2], null)));
        parameters.addCertPathChecker(checker);
        CertPath path = factory.generateCertPath(List.of(certs[0], certs[1]));
        try {
            validator.validate(path, parameters);
            System.out.println("VALID");
        } catch (Exception e) {
            System.out.println("INVALID " + e.getMessage());
            System.exit(1);
        }
    }
}
